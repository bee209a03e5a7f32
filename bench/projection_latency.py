"""Projection: milliseconds from append to visible in the query store, at shares of the capacity found just before.

All on one machine: who appends takes a part of it, as does the broker.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import islice
from statistics import quantiles
from typing import Any

from bench.figures import RESULTS
from bench.load import events, preload
from bench.servers import Servers, servers
from bench.workers import Positions, positions, workers
from streams.log import LogWriter, log_writer
from streams.provisioning import provision
from streams.settings import Settings
from streams.topics import EVENTS

_SHARES = (0.1, 0.5, 0.9)
_SECONDS = float(os.environ.get("BENCH_SECONDS", "10"))
_COUNT = int(os.environ.get("BENCH_EVENTS", "60000"))
_TICK = 0.002
#: Facts that the run which finds the capacity keeps between their append and the tables.
_ON_THEIR_WAY = 5000


class _Course:
    """Appends facts made beforehand, and notes for each when the tables had it."""

    def __init__(self, settings: Settings, writer: LogWriter, shown: Positions) -> None:
        self._settings = settings
        self._writer = writer
        self._shown = shown
        #: By partition: the offset of the next record; and of those not yet seen, with the moment of their append.
        self._next: dict[int, int] = {}
        self._waiting: dict[int, deque[tuple[int, float]]] = {n: deque() for n in range(settings.partitions)}
        self._milliseconds: list[float] = []

    async def steady(self, facts: list[tuple[str, bytes]], rate: float) -> list[float]:
        """Milliseconds until each was visible, at so many a second."""
        async with self._watching():
            started = time.perf_counter()
            for number, fact in enumerate(facts):
                while number > (time.perf_counter() - started) * rate:
                    await asyncio.sleep(_TICK)
                await self._append(fact)
        return self._milliseconds

    async def capacity(self, facts: list[tuple[str, bytes]]) -> float:
        """Facts a second while a bounded number of them is on its way: these arrive live, from the same machine."""
        async with self._watching():
            started = time.perf_counter()
            for fact in facts:
                while sum(map(len, self._waiting.values())) >= _ON_THEIR_WAY:
                    await asyncio.sleep(_TICK)
                await self._append(fact)
        return len(facts) / (time.perf_counter() - started)

    @asynccontextmanager
    async def _watching(self) -> AsyncIterator[None]:
        """Ends when everything is visible."""
        self._next, self._milliseconds = await self._shown.read(), []
        watching = asyncio.create_task(self._watch())
        yield
        while any(self._waiting.values()):
            await asyncio.sleep(_TICK)
        watching.cancel()

    async def _append(self, fact: tuple[str, bytes]) -> None:
        tenant, value = fact
        partition = int(tenant.rpartition("-")[2]) % self._settings.partitions
        self._waiting[partition].append((self._next[partition], time.perf_counter()))
        self._next[partition] += 1
        await self._writer.enqueue(EVENTS, partition, value, key=tenant.encode())

    async def _watch(self) -> None:
        while True:
            read = await self._shown.read()
            now = time.perf_counter()
            for partition, waiting in self._waiting.items():
                while waiting and waiting[0][0] < read.get(partition, 0):
                    self._milliseconds.append((now - waiting.popleft()[1]) * 1000)
            await asyncio.sleep(_TICK)


async def run(on: Servers) -> dict[str, Any]:
    """The capacity, and p50 and p99 at each share of it."""
    settings = on.settings()
    await provision(settings)
    await preload(settings, _COUNT)
    async with workers(on, settings, 1) as (own, _), positions(own) as shown, log_writer(own) as writer:
        await shown.seconds_between(0, _COUNT)
        facts, course = islice(events(100_000_000), _COUNT, None), _Course(own, writer, shown)
        capacity = await course.capacity(list(islice(facts, _COUNT)))
        figures: dict[str, Any] = {"name": "projection_latency", "events_per_second": round(capacity)}
        print(f"  capacity {capacity:,.0f}/s with facts that arrive live", flush=True)
        for share in _SHARES:
            rate = capacity * share
            milliseconds = await course.steady(list(islice(facts, int(rate * _SECONDS))), rate)
            cuts = quantiles(milliseconds, n=100)
            measured = {"p50_ms": round(cuts[49], 1), "p99_ms": round(cuts[98], 1), "events": len(milliseconds)}
            figures[f"at_{share:.0%}".rstrip("%")] = measured
            print(f"  at {share:.0%}: {measured}", flush=True)
    return figures


async def main() -> None:
    """Measure, save, print."""
    async with servers() as started:
        figures = await run(started)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "projection_latency.json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
