"""Queries over HTTP: conversations, messages, customers, mappings and dead letters, each tenant's for itself."""

from projections.query.service import serve

__all__ = ["serve"]
