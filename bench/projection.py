"""Projection: events a second of the worker, beside what it is compared to, all on the same log in interleaved rounds.

That is a bare COPY of the rows that it writes, a bare worker, Quix Streams with its PostgreSQL sink, and a row by row
consumer with FastStream. The peers read a part of the log, in an environment of their own.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.bare_copy import copy_all
from bench.bare_worker import fold_all
from bench.figures import Figure, alternate, figure, keep
from bench.load import preload
from bench.servers import Servers, servers
from bench.worker import fold, only_messages, without_analytics
from projections.migrate import migrate
from streams.provisioning import provision
from streams.settings import Settings
from streams.topics import EVENTS, topic_name

_ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
_PEERS = Path(__file__).parent / "peers"
_PYTHON = Path(__file__).parent.parent / ".venv-bench/bin/python"
#: Figure, and the two measures whose ratio it is.
_RATIOS = (
    ("projection", "worker", "bare worker"),
    ("projection_with_cache", "worker with cache", "bare worker"),
    ("projection_beside_copy", "worker", "bare copy"),
    ("projection_beside_quix", "worker", "quix"),
    ("projection_one_table_beside_quix", "worker, one table", "quix"),
    ("projection_beside_faststream", "worker", "faststream"),
    ("projection_with_analytics", "worker", "worker, no analytics"),
)


async def run(on: Servers) -> list[Figure]:
    """All ratios; every measurement folds the same log into empty tables."""
    settings = on.settings()
    count = int(os.environ.get("BENCH_EVENTS", "60000"))
    await provision(settings)
    size = await preload(settings, count)
    print(f"  {count:,} events of {size:,.0f} bytes", flush=True)

    async def bare(measure: Callable[[Settings, str, int], Awaitable[float]]) -> float:
        owner, _ = await on.new_database()
        return await measure(settings, owner, count)

    async def worker(change: AbstractContextManager[object], redis: str = "") -> float:
        owner, query = await on.new_database()
        own = settings.model_copy(update={"postgres": owner, "postgres_query": query, "redis": redis})
        await migrate(own)
        with change:
            return await fold(own, count)

    async def peer(name: str, some: int) -> float:
        owner, _ = await on.new_database()
        return await _peer(name, settings.kafka, topic_name(settings, EVENTS), owner, str(some))

    measures = {
        "bare worker": lambda: bare(fold_all),
        "worker": lambda: worker(nullcontext()),
        "worker, no analytics": lambda: worker(without_analytics()),
        "worker with cache": lambda: worker(nullcontext(), on.redis),
        "bare copy": lambda: bare(copy_all),
        "worker, one table": lambda: worker(only_messages()),
        "quix": lambda: peer("quix_sink", min(count, 30_000)),
        "faststream": lambda: peer("faststream_rows", min(count, 1_000)),
    }
    rates = await alternate(measures, _ROUNDS)
    return [figure(name, rates[one], rates[other]) for name, one, other in _RATIOS]


async def _peer(name: str, *arguments: str) -> float:
    script = str(_PEERS / f"{name}.py")
    # Quix Streams leaves a state folder where it runs.
    with TemporaryDirectory() as folder:
        process = await asyncio.create_subprocess_exec(
            str(_PYTHON), "-W", "ignore", script, *arguments, stdout=asyncio.subprocess.PIPE, cwd=folder
        )
        output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{name} ended with {process.returncode}")
    return float(output.split()[-1])


async def main() -> None:
    """Measure, save, print."""
    async with servers() as started:
        keep(await run(started))


if __name__ == "__main__":
    asyncio.run(main())
