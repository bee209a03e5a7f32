"""The worker: folds the log into Postgres, each batch in one transaction with its positions."""

from projections.worker.service import serve

__all__ = ["serve"]
