"""What the worker counts; seconds and totals."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class WorkerMetrics:
    """The metrics of the process `project`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.events = Counter(
            "relaylog_project_records_total", "Records folded and committed", ["topic"], registry=registry
        )
        self.batch = Histogram(
            "relaylog_project_batch_seconds",
            "From a batch read to its commit",
            registry=registry,
            buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )
        self.lag = Gauge(
            "relaylog_project_lag_records",
            "Records of the log not folded yet",
            ["topic", "partition"],
            registry=registry,
        )
        self.parked = Counter(
            "relaylog_project_parked_total", "Records that could not be folded, put aside", registry=registry
        )
        self.fenced = Counter(
            "relaylog_project_fenced_total", "Batches rolled back for another owner", registry=registry
        )
        self.gaps = Counter(
            "relaylog_project_gap_records_total", "Offsets that the log no longer had", registry=registry
        )
        self.cache_errors = Counter(
            "relaylog_project_cache_errors_total", "Batches that could not be cached", registry=registry
        )
        self.postgres_errors = Counter(
            "relaylog_project_postgres_errors_total", "Batches that Postgres broke off", registry=registry
        )
