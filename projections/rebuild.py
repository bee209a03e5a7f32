"""Rebuild: the log folded into a new generation beside the live one, then one switch; nothing is ever sent."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from projections.audit import snapshot
from projections.comparison import Comparison, Side
from projections.database import Connection
from projections.generations import Generation, drop_generation, live_generation, make_live
from projections.patience import give_way, patiently
from projections.query.cache import LEASE_SECONDS
from projections.replay import (
    Progress,
    Replay,
    Report,
    exclusive_owner,
    live_positions,
    log_bounds,
    rebuild_store,
)
from projections.retention import any_cut, expire
from projections.shapes import TableShape, table_shapes
from projections.sql import statement, template
from projections.worker.store import Crash
from streams.group import Partition
from streams.provisioning import cluster_id
from streams.settings import Settings

#: The log may grow faster than it is folded; after so many rounds the rest is folded in the switch.
_ROUNDS = 10
_NEAR = 500


@dataclass(frozen=True, slots=True)
class TableReport:
    """One table before and after: rows, and how many of them differ (None where the tables are of different shape)."""

    rows: tuple[int, int]
    differing: int | None


@dataclass(frozen=True, slots=True)
class RebuildResult:
    """What was rebuilt, and how it compares with what was live, both folded up to the same offsets."""

    generation: str
    #: Folded in this run.
    records: int
    #: Folded by an earlier run that was broken off.
    resumed: int
    seconds: float
    tables: dict[str, TableReport]


async def rebuild(settings: Settings, report: Report, crash: Crash = lambda _: None) -> RebuildResult:
    """Make a new generation live that is folded from the beginning of the log.

    Raises LogGap (the old tables stay), ReplayRunning, NotMigrated, PostgresUnavailable, LogUnavailable.
    """
    started = time.monotonic()
    cluster = await cluster_id(settings)
    async with exclusive_owner(settings) as owner, AsyncExitStack() as sight:
        before = await live_generation(owner)
        ends = await _ends(settings)
        async with rebuild_store(settings, owner, cluster) as (generation, store):
            resumed = sum(store.positions.values())
            replay = Replay(settings, store, report, crash=crash)
            await _fold(settings, replay, ends)
            await expire(owner, generation)
            await _forbid_cache(owner)
            switch = _Switch(settings, owner, cluster, before, generation, replay)
            switched = await patiently(partial(switch.run, sight))
            crash("rebuild_after_switch")
        tables = await _compared(switched, before, generation, report)
        await sight.aclose()
        await patiently(partial(_drop, owner, before))
    return RebuildResult(generation.schema, replay.records, resumed, time.monotonic() - started, tables)


async def _fold(settings: Settings, replay: Replay, ends: dict[Partition, int]) -> None:
    await replay.fold_up_to(ends, "folding the log")
    for _ in range(_ROUNDS):
        ends = await _ends(settings)
        if replay.behind(ends) <= _NEAR:
            return
        await replay.fold_up_to(ends, "catching up")


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

    async def run(self, sight: AsyncExitStack) -> Connection:
        """Fence whoever folds into the old generation, fold what it had more than the new one, and switch.

        Returns a connection that goes on seeing both as they were then, until ``sight`` is closed.
        """
        await sight.aclose()
        async with self.owner.transaction():
            await self.owner.execute(statement("generation/retire"))
            frozen = await live_positions(self.settings, self.owner, self.before, self.cluster)
            await self.replay.fold_up_to(frozen, "switching")
            both = await sight.enter_async_context(snapshot(self.settings))
            # A snapshot is taken by the first question.
            await live_generation(both)
            await give_way(self.owner)
            await make_live(self.owner, self.after)
        return both


async def _drop(owner: Connection, generation: Generation) -> None:
    async with owner.transaction():
        await give_way(owner)
        await drop_generation(owner, generation)


async def _compared(both: Connection, before: Generation, after: Generation, report: Report) -> dict[str, TableReport]:
    former = {shape.name: shape for shape in await table_shapes(both, before)}
    shapes = await table_shapes(both, after)
    comparison = Comparison(Side(both, before), Side(both, after), expiring=await any_cut(both))
    started, tables = time.monotonic(), {}
    for done, shape in enumerate(shapes):
        report(Progress(f"comparing {shape.name}", done, len(shapes), time.monotonic() - started))
        tables[shape.name] = await _report_of(comparison, former.get(shape.name), shape)
    report(Progress("compared", len(shapes), len(shapes), time.monotonic() - started))
    return tables


async def _report_of(comparison: Comparison, former: TableShape | None, shape: TableShape) -> TableReport:
    found, expected = comparison.found, comparison.expected
    now = await _count(expected, shape)
    if former is None:
        return TableReport((0, now), None)
    differing = None
    if former == shape:
        differing = await _differing_rows(comparison, shape)
    return TableReport((await _count(found, shape), now), differing)


async def _differing_rows(comparison: Comparison, shape: TableShape) -> int:
    """The differences of one row come one after the other."""
    rows, last = 0, None
    async for difference in comparison.differences(shape):
        rows += difference.key != last
        last = difference.key
    return rows


async def _count(side: Side, shape: TableShape) -> int:
    query = template("compare/count").format(table=shape.in_schema(side.generation))
    return int((await (await side.connection.execute(query)).fetchone() or (0,))[0])
