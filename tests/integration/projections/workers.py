"""Workers put together by hand: with metrics that can be read, and in groups of their own so that they fight."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from projections.worker.cache import CacheWriter
from projections.worker.loop import PART, Parts, Worker
from projections.worker.metrics import WorkerMetrics
from streams.crash import CrashPoints
from streams.group import GroupReader
from streams.health import Health, Progress
from streams.settings import Settings
from streams.topics import DEAD_LETTERS, EVENTS, OUTCOMES


class Counted:
    """What a worker has counted."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def __call__(self, name: str, **labels: str) -> float:
        return self._registry.get_sample_value(f"relaylog_project_{name}", labels) or 0.0


@asynccontextmanager
async def worker(settings: Settings, group: str = "project") -> AsyncIterator[Counted]:
    """A running worker; members of different groups each take every partition for their own."""
    registry = CollectorRegistry()
    stop = asyncio.Event()
    reader = GroupReader(settings, group, (EVENTS, OUTCOMES, DEAD_LETTERS))
    await reader.start()
    parts = Parts(
        settings=settings,
        reader=reader,
        cache=CacheWriter(settings),
        metrics=WorkerMetrics(registry),
        health=Health(PART),
        progress=Progress(),
        crash=CrashPoints(""),
    )
    running = asyncio.create_task(Worker(parts).run(stop))
    try:
        yield Counted(registry)
    finally:
        stop.set()
        await running
        await reader.stop()
        assert parts.cache is not None
        await parts.cache.close()
