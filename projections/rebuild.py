"""Rebuild: the log folded into a new generation beside the live one, then one switch; nothing is ever sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from psycopg import errors, sql
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random

from projections.database import Connection
from projections.generations import Generation, drop_generation, live_generation, make_live
from projections.query.cache import LEASE_SECONDS
from projections.replay import Replay, Report, all_partitions, exclusive_owner, log_bounds, scratch_store
from projections.sql import statement
from streams.group import Partition
from streams.provisioning import cluster_id
from streams.settings import Settings
from streams.topics import topic_name

#: The log may grow faster than it is folded; after so many rounds the rest is folded in the switch.
_ROUNDS = 10
_NEAR = 500
#: Shorter than Postgres's deadlock timeout: the switch gives way to queries, never the reverse.
_LOCK_TIMEOUT = "200ms"


@dataclass(frozen=True, slots=True)
class RebuildResult:
    """What was rebuilt: ``tables`` has the number of rows before and after by table."""

    generation: str
    records: int
    seconds: float
    tables: dict[str, tuple[int, int]]


async def rebuild(settings: Settings, report: Report) -> RebuildResult:
    """Make a new generation live that is folded from the beginning of the log.

    Raises LogGap (the old tables stay), ReplayRunning, NotMigrated, PostgresUnavailable, LogUnavailable.
    """
    started = time.monotonic()
    cluster = await cluster_id(settings)
    async with exclusive_owner(settings) as owner:
        before = await live_generation(owner)
        ends = await _ends(settings)
        async with scratch_store(settings, owner, cluster) as (generation, store):
            replay = Replay(settings, store, report)
            await replay.fold_up_to(ends, "folding the log")
            for _ in range(_ROUNDS):
                ends = await _ends(settings)
                behind = sum(end - store.positions[partition] for partition, end in ends.items())
                if behind <= _NEAR:
                    break
                await replay.fold_up_to(ends, "catching up")
            await _forbid_cache(owner)
            switch = _Switch(settings, owner, cluster, before, generation, replay)
            await _patiently(switch.run)
        tables = await _counts(owner, before, generation)
        await _patiently(partial(_drop, owner, before))
    return RebuildResult(generation.schema, replay.records, time.monotonic() - started, tables)


async def _ends(settings: Settings) -> dict[Partition, int]:
    return {partition: end for partition, (_, end) in (await log_bounds(settings)).items()}


async def _forbid_cache(owner: Connection) -> None:
    """After this no query process trusts the cache any more, so none can show a row of a retired generation."""
    await owner.execute(statement("generation/forbid_cache"))
    await asyncio.sleep(LEASE_SECONDS * 1.5)


@dataclass(frozen=True, slots=True)
class _Switch:
    settings: Settings
    owner: Connection
    cluster: str
    before: Generation
    after: Generation
    replay: Replay

    async def run(self) -> None:
        """Fence whoever folds into the old generation, fold what it had more than the new one, and switch."""
        async with self.owner.transaction():
            await self.owner.execute(statement("generation/retire"))
            await self.replay.fold_up_to(await self._frozen(), "switching")
            await self.owner.execute("SELECT set_config('lock_timeout', %s, true)", [_LOCK_TIMEOUT])
            await make_live(self.owner, self.after)

    async def _frozen(self) -> dict[Partition, int]:
        found = await self.owner.execute(
            "SELECT topic, partition, next_offset FROM relaylog.position WHERE generation = %s AND cluster_id = %s",
            [self.before.number, self.cluster],
        )
        positions = {(topic, partition): offset for topic, partition, offset in await found.fetchall()}
        named = {
            (topic, number): (topic_name(self.settings, topic), number)
            for topic, number in all_partitions(self.settings)
        }
        return {partition: positions[name] for partition, name in named.items() if name in positions}


async def _drop(owner: Connection, generation: Generation) -> None:
    async with owner.transaction():
        await owner.execute("SELECT set_config('lock_timeout', %s, true)", [_LOCK_TIMEOUT])
        await drop_generation(owner, generation)


async def _patiently(operation: Callable[[], Awaitable[None]]) -> None:
    retrying = AsyncRetrying(
        retry=retry_if_exception_type((errors.LockNotAvailable, errors.DeadlockDetected)),
        stop=stop_after_attempt(100),
        wait=wait_random(0.05, 0.3),
        reraise=True,
    )
    async for attempt in retrying:
        with attempt:
            await operation()


async def _counts(owner: Connection, before: Generation, after: Generation) -> dict[str, tuple[int, int]]:
    found = await owner.execute(statement("generation/tables_of"), {"schema": after.schema})
    counts = {}
    for (table,) in await found.fetchall():
        numbers = []
        for generation in (before, after):
            query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(generation.schema, table))
            numbers.append((await (await owner.execute(query)).fetchone() or (0,))[0])
        counts[table] = (numbers[0], numbers[1])
    return counts
