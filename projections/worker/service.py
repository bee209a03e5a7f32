"""Composition root of the process `project`."""

from __future__ import annotations

import asyncio
import socket

from projections.worker.cache import CacheWriter
from projections.worker.loop import PART, Parts, Worker
from projections.worker.metrics import WorkerMetrics
from streams.backoff import patiently
from streams.crash import CrashPoints
from streams.group import GroupReader
from streams.health import Health, Progress
from streams.http import process_registry, serve_ops
from streams.settings import Settings
from streams.topics import DEAD_LETTERS, EVENTS, OUTCOMES

GROUP = "project"


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Fold the log until ``stop``. Raises the errors of `Worker.run`."""
    # It folds with this package's own parts, so it cannot be imported before them.
    from projections.upkeep import Upkeep, UpkeepMetrics

    registry = process_registry()
    health, progress = Health(PART), Progress()
    health.watch(PART, progress)
    runner = await serve_ops(settings.host, settings.project_port, health, registry)
    reader = GroupReader(settings, GROUP, (EVENTS, OUTCOMES, DEAD_LETTERS), _instance(settings))
    cache = CacheWriter(settings) if settings.redis else None
    keeping: list[asyncio.Task[None]] = []
    try:
        await patiently(reader.start)
        parts = Parts(
            settings=settings,
            reader=reader,
            cache=cache,
            metrics=WorkerMetrics(registry),
            health=health,
            progress=progress,
            crash=CrashPoints(settings.crash_file),
        )
        keeping.append(asyncio.create_task(Upkeep(settings, UpkeepMetrics(registry)).run(stop), name="upkeep"))
        await Worker(parts).run(stop)
    finally:
        for task in keeping:
            task.cancel()
        await asyncio.gather(*keeping, return_exceptions=True)
        await reader.stop()
        if cache is not None:
            await cache.close()
        await runner.cleanup()


def _instance(settings: Settings) -> str | None:
    """One name a process that survives its restart: no two of a machine share a port; none where any port will do."""
    return f"{socket.gethostname()}-{settings.project_port}" if settings.project_port else None
