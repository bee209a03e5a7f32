"""The real worker in this process, timed from the moment it may read to the commit of its last batch."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from prometheus_client import CollectorRegistry

from projections import sql
from projections.worker import store
from projections.worker.cache import CacheWriter
from projections.worker.loop import PART, Parts, Worker
from projections.worker.metrics import WorkerMetrics
from streams.crash import CrashPoints
from streams.group import GroupReader, Partition
from streams.health import Health, Progress
from streams.settings import Settings
from streams.topics import DEAD_LETTERS, EVENTS, OUTCOMES


class _TimedReader(GroupReader):
    """Knows when it was first allowed to read: a bare worker is not timed while it connects either."""

    resumed: float = 0.0

    def resume(self, partitions: Iterable[Partition]) -> None:
        super().resume(partitions)
        self.resumed = self.resumed or time.perf_counter()


async def fold(settings: Settings, count: int) -> float:
    """Events a second."""
    registry, stop = CollectorRegistry(), asyncio.Event()
    reader = _TimedReader(settings, f"bench-{uuid.uuid4()}", (EVENTS, OUTCOMES, DEAD_LETTERS))
    await reader.start()
    cache = CacheWriter(settings) if settings.redis else None
    parts = Parts(
        settings=settings,
        reader=reader,
        cache=cache,
        metrics=WorkerMetrics(registry),
        health=Health(PART),
        progress=Progress(),
        crash=CrashPoints(""),
    )
    running = asyncio.create_task(Worker(parts).run(stop))
    while (registry.get_sample_value("relaylog_project_records_total", {"topic": EVENTS}) or 0) < count:
        if running.done():
            await running
        await asyncio.sleep(0.005)
    seconds = time.perf_counter() - reader.resumed
    stop.set()
    await running
    await reader.stop()
    if cache is not None:
        await cache.close()
    return count / seconds


@contextmanager
def only_messages() -> Iterator[None]:
    """The worker with the table of messages alone."""
    with patch.object(store, "_MERGED", ("message",)):
        yield


@contextmanager
def without_analytics() -> Iterator[None]:
    """The worker as it would be without counts by hour: neither derived, nor staged, nor merged."""
    merge = sql.statement("worker/sql/merge_message")
    head, _, rest = merge.partition(b"), counted AS (")
    into, conversations = rest.index(b"INSERT INTO stage"), rest.index(b"UNION ALL\nSELECT 'message_hour'")
    texts = {
        "worker/sql/merge_message": head + b")\n" + rest[into:conversations],
        "worker/sql/prune_message_hour": b"SELECT 1",
    }
    with ExitStack() as changed:
        changed.enter_context(
            patch.object(store, "_MERGED", tuple(name for name in store._MERGED if name != "message_hour"))
        )
        changed.enter_context(patch.object(store, "statement", lambda path: texts.get(path) or sql.statement(path)))
        yield
