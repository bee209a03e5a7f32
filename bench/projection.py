"""Projection: events a second of the worker, without and with its cache, beside a bare worker on the same log."""

from __future__ import annotations

import asyncio
import os
import time

from prometheus_client import CollectorRegistry

from bench.bare_worker import fold_all
from bench.figures import Figure, alternate, figure
from bench.load import preload
from bench.servers import Servers, servers
from projections.migrate import migrate
from projections.worker.cache import CacheWriter
from projections.worker.loop import PART, Parts, Worker
from projections.worker.metrics import WorkerMetrics
from streams.crash import CrashPoints
from streams.group import GroupReader
from streams.health import Health, Progress
from streams.provisioning import provision
from streams.settings import Settings
from streams.topics import DEAD_LETTERS, EVENTS, OUTCOMES

_ROUNDS = 3


async def run(on: Servers) -> list[Figure]:
    """Both figures; every measurement folds the same log into empty tables."""
    settings = on.settings()
    count = int(os.environ.get("BENCH_EVENTS", "60000"))
    await provision(settings)
    size = await preload(settings, count)
    print(f"  {count:,} events of {size:,.0f} bytes", flush=True)

    async def bare() -> float:
        owner, _ = await on.new_database()
        return await fold_all(settings, owner, count)

    async def worker(redis: str) -> float:
        owner, query = await on.new_database()
        own = settings.model_copy(update={"postgres": owner, "postgres_query": query, "redis": redis})
        await migrate(own)
        return await fold(own, count)

    measures = {"bare worker": bare, "worker": lambda: worker(""), "worker with cache": lambda: worker(on.redis)}
    rates = await alternate(measures, _ROUNDS)
    return [
        figure("projection", rates["worker"], rates["bare worker"]),
        figure("projection_with_cache", rates["worker with cache"], rates["bare worker"]),
    ]


async def fold(settings: Settings, count: int) -> float:
    """Events a second of the real loop, from the first read to the commit of the last batch."""
    registry, stop = CollectorRegistry(), asyncio.Event()
    reader = GroupReader(settings, f"bench-{time.monotonic_ns()}", (EVENTS, OUTCOMES, DEAD_LETTERS))
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
    started = time.perf_counter()
    running = asyncio.create_task(Worker(parts).run(stop))
    while (registry.get_sample_value("relaylog_project_records_total", {"topic": EVENTS}) or 0) < count:
        if running.done():
            await running
        await asyncio.sleep(0.005)
    seconds = time.perf_counter() - started
    stop.set()
    await running
    await reader.stop()
    if cache is not None:
        await cache.close()
    return count / seconds


async def main() -> None:
    """Measure, save, print."""
    async with servers() as started:
        for measured in await run(started):
            measured.save()
            print(measured, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
