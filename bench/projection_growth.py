"""Projection: from one worker to two, from one partition to sixteen; a replay beside a bare read, and its memory."""

from __future__ import annotations

import asyncio
import os
import resource
import time

from bench.figures import Figure, alternate, figure, keep
from bench.load import preload
from bench.servers import Servers, servers
from bench.workers import positions, workers
from projections.migrate import migrate
from projections.rebuild import rebuild
from streams.log import partition_reader
from streams.provisioning import provision
from streams.settings import Settings
from streams.topics import EVENTS

_ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
_COUNT = int(os.environ.get("BENCH_EVENTS", "60000"))
_REPLAYED = int(os.environ.get("BENCH_REPLAYED", "1000000"))


async def run(on: Servers) -> list[Figure]:
    """Rates of workers, each a process; and of a replay, in this one."""
    spread = {count: await _log(on, count, _COUNT) for count in (1, 4, 16)}

    async def rate(partitions: int, count: int) -> float:
        async with workers(on, spread[partitions], count) as (own, _), positions(own) as shown:
            # Two workers share the partitions once both are there, which is over before a tenth is folded.
            return _COUNT * 0.9 / await shown.seconds_between(_COUNT // 10, _COUNT)

    rates = await alternate(
        {
            "1 worker": lambda: rate(4, 1),
            "2 workers": lambda: rate(4, 2),
            "1 partition": lambda: rate(1, 1),
            "16 partitions": lambda: rate(16, 1),
        },
        _ROUNDS,
    )
    return [
        figure("projection_two_workers", rates["2 workers"], rates["1 worker"]),
        figure("projection_16_partitions", rates["16 partitions"], rates["1 partition"]),
        *await _replays(on),
    ]


async def _log(on: Servers, partitions: int, count: int) -> Settings:
    settings = on.settings(partitions=partitions)
    await provision(settings)
    await preload(settings, count)
    return settings


async def _replays(on: Servers) -> list[Figure]:
    """A tenth first, so that what memory it takes can be told from what the number of events adds."""
    small, large = await _log(on, 4, _REPLAYED // 10), await _log(on, 4, _REPLAYED)
    await _replay(on, small, _REPLAYED // 10)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    replayed = await _replay(on, large, _REPLAYED)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return [
        figure("replay_beside_bare_read", [replayed], [await _read(large, _REPLAYED)]),
        figure("replay_peak_memory_of_ten_times_the_events", [after], [before]),
    ]


async def _replay(on: Servers, settings: Settings, count: int) -> float:
    owner, query = await on.new_database()
    own = settings.model_copy(update={"postgres": owner, "postgres_query": query})
    await migrate(own)
    started = time.perf_counter()
    await rebuild(own, lambda _: None)
    return count / (time.perf_counter() - started)


async def _read(settings: Settings, count: int) -> float:
    started, done = time.perf_counter(), 0
    for partition in range(settings.partitions):
        async with partition_reader(settings, EVENTS, partition) as reader:
            reader.seek(await reader.start_offset())
            end = await reader.end_offset()
            position = 0
            while position < end:
                records = await reader.read(5000)
                done += len(records)
                position = records[-1].offset + 1 if records else position
    assert done == count
    return count / (time.perf_counter() - started)


async def main() -> None:
    """Measure, save, print."""
    async with servers() as started:
        keep(await run(started))


if __name__ == "__main__":
    asyncio.run(main())
