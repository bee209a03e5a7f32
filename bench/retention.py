"""Retention: rows deleted a second because their time is over, beside events a second of the worker that wrote them.

As long as the ratio is not far below the rows an event makes, a day's intake can be let go in less time than it took.
"""

from __future__ import annotations

import asyncio
import os
import time

from bench.figures import Figure, alternate, figure, keep
from bench.load import preload
from bench.servers import Servers, servers
from bench.worker import fold
from projections.database import connect_owner
from projections.generations import live_generation
from projections.migrate import migrate
from projections.retention import expire, set_cut
from streams.provisioning import provision
from streams.settings import Settings

_ROUNDS = 3
_TENANTS = [f"tenant-{number}" for number in range(8)]


async def run(on: Servers) -> list[Figure]:
    """One figure; each round folds the same log into empty tables and then lets all of it go."""
    settings = on.settings()
    count = int(os.environ.get("BENCH_EVENTS", "60000"))
    await provision(settings)
    await preload(settings, count)
    filled: list[Settings] = []

    async def worker() -> float:
        owner, query = await on.new_database()
        own = settings.model_copy(update={"postgres": owner, "postgres_query": query, "redis": ""})
        await migrate(own)
        filled.append(own)
        return await fold(own, count)

    async def retention() -> float:
        if not filled:
            await worker()
        return await _let_go(filled.pop())

    rates = await alternate({"worker": worker, "retention": retention}, _ROUNDS)
    return [figure("retention", rates["retention"], rates["worker"])]


async def _let_go(settings: Settings) -> float:
    async with await connect_owner(settings) as owner:
        for tenant in _TENANTS:
            await set_cut(owner, tenant, "messages", 0)
        started = time.perf_counter()
        deleted = sum((await expire(owner, await live_generation(owner))).values())
        return deleted / (time.perf_counter() - started)


async def main() -> None:
    """Measure, save, print."""
    async with servers() as started:
        keep(await run(started))


if __name__ == "__main__":
    asyncio.run(main())
