"""Projection: milliseconds from append to visible in the query store, at shares of the capacity found just before."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import deque
from collections.abc import Iterator
from itertools import islice
from statistics import quantiles
from typing import Any

from bench.figures import RESULTS
from bench.load import events, preload
from bench.servers import Servers, servers
from bench.workers import Positions, positions, workers
from streams.log import LogWriter
from streams.provisioning import provision
from streams.settings import Settings
from streams.topics import EVENTS

_SHARES = (0.1, 0.5, 0.9)
_SECONDS = float(os.environ.get("BENCH_SECONDS", "10"))
_COUNT = int(os.environ.get("BENCH_EVENTS", "60000"))
_TICK = 0.005


class _Course:
    """Appends at a steady rate, and notes for each record when the tables had it."""

    def __init__(self, settings: Settings, writer: LogWriter, shown: Positions) -> None:
        self._settings = settings
        self._writer = writer
        self._shown = shown
        self._waiting: dict[int, deque[tuple[int, float]]] = {n: deque() for n in range(settings.partitions)}
        self.milliseconds: list[float] = []

    async def run(self, log: Iterator[tuple[str, bytes]], rate: float) -> None:
        watching = asyncio.create_task(self._watch())
        started, sent, appending = time.perf_counter(), 0, set()
        while (elapsed := time.perf_counter() - started) < _SECONDS:
            for tenant, value in islice(log, max(0, int(elapsed * rate) - sent)):
                task = asyncio.create_task(self._append(tenant, value))
                appending.add(task)
                task.add_done_callback(appending.discard)
                sent += 1
            await asyncio.sleep(_TICK)
        await asyncio.gather(*appending)
        while any(self._waiting.values()):
            await asyncio.sleep(_TICK)
        watching.cancel()

    async def _append(self, tenant: str, value: bytes) -> None:
        begun = time.perf_counter()
        partition = int(tenant.rpartition("-")[2]) % self._settings.partitions
        stored = await (await self._writer.enqueue(EVENTS, partition, value, key=tenant.encode()))
        self._waiting[partition].append((stored.offset, begun))

    async def _watch(self) -> None:
        while True:
            read = await self._shown.read()
            now = time.perf_counter()
            for partition, waiting in self._waiting.items():
                while waiting and waiting[0][0] < read.get(partition, 0):
                    self.milliseconds.append((now - waiting.popleft()[1]) * 1000)
            await asyncio.sleep(0.001)


async def run(on: Servers) -> dict[str, Any]:
    """The capacity, and p50 and p99 at each share of it."""
    settings = on.settings()
    await provision(settings)
    await preload(settings, _COUNT)
    async with workers(on, settings, 1) as (own, _), positions(own) as shown:
        capacity = _COUNT * 0.9 / await shown.seconds_between(_COUNT // 10, _COUNT)
        figures: dict[str, Any] = {"name": "projection_latency", "events_per_second": round(capacity)}
        print(f"  capacity {capacity:,.0f}/s", flush=True)
        writer = LogWriter(own)
        await writer.start()
        log = islice(events(100_000_000), _COUNT, None)
        for share in _SHARES:
            course = _Course(own, writer, shown)
            await course.run(log, capacity * share)
            cuts = quantiles(course.milliseconds, n=100)
            measured = {"p50_ms": round(cuts[49], 1), "p99_ms": round(cuts[98], 1), "events": len(course.milliseconds)}
            figures[f"at_{share:.0%}".rstrip("%")] = measured
            print(f"  at {share:.0%}: {measured}", flush=True)
        await writer.stop()
    return figures


async def main() -> None:
    """Measure, save, print."""
    async with servers() as started:
        figures = await run(started)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "projection_latency.json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
