"""Verify: the log folded again, up to exactly what the live tables hold, and compared with them row by row."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from psycopg import IsolationLevel

from projections.comparison import Difference, RowComparison
from projections.database import Connection, connect_owner
from projections.generations import Generation, live_generation
from projections.replay import Progress, Replay, Report, all_partitions, exclusive_owner, log_bounds, scratch_store
from projections.sql import statement
from streams.group import Partition
from streams.provisioning import cluster_id
from streams.settings import Settings
from streams.topics import DEAD_LETTERS, topic_name

#: So many differences are kept to be shown; all are counted.
_SHOWN = 1000


@dataclass(slots=True)
class VerifyResult:
    """Whether log and tables agree, as of the positions of one moment."""

    records: int
    rows: int = 0
    differing: int = 0
    seconds: float = 0.0
    #: The first of them.
    differences: list[Difference] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """True when nothing differs."""
        return self.differing == 0


async def verify(settings: Settings, report: Report) -> VerifyResult:
    """Compare the live tables with the log while everything runs on; the shadow tables are dropped afterwards.

    Raises LogGap, ReplayRunning, NotMigrated, PostgresUnavailable, LogUnavailable.
    """
    started = time.monotonic()
    cluster = await cluster_id(settings)
    async with exclusive_owner(settings) as owner:
        bounds = await log_bounds(settings)
        async with (
            _snapshot(settings) as (snapshot, live),
            scratch_store(settings, owner, cluster) as (shadow, store),
        ):
            replay = Replay(settings, store, report)
            await replay.fold_up_to(await _positions(snapshot, live, cluster, settings), "folding the log")
            result = VerifyResult(replay.records)
            await _compare(RowComparison(snapshot, live, owner, shadow), bounds, result, report)
    result.seconds = time.monotonic() - started
    return result


@asynccontextmanager
async def _snapshot(settings: Settings) -> AsyncIterator[tuple[Connection, Generation]]:
    """One unmoving sight of the live tables and their positions; they cannot be dropped meanwhile."""
    async with await connect_owner(settings) as connection:
        await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
        async with connection.transaction():
            live = await live_generation(connection)
            yield connection, live


async def _positions(snapshot: Connection, live: Generation, cluster: str, settings: Settings) -> dict[Partition, int]:
    found = await snapshot.execute(
        "SELECT topic, partition, next_offset FROM relaylog.position WHERE generation = %s AND cluster_id = %s",
        [live.number, cluster],
    )
    positions = {(topic, number): offset for topic, number, offset in await found.fetchall()}
    return {
        (topic, number): positions.get((topic_name(settings, topic), number), 0)
        for topic, number in all_partitions(settings)
    }


async def _compare(
    comparison: RowComparison, bounds: dict[Partition, tuple[int, int]], result: VerifyResult, report: Report
) -> None:
    tables: list[tuple[Any, ...]] = await (
        await comparison.snapshot.execute(statement("generation/tables_of"), {"schema": comparison.live.schema})
    ).fetchall()
    started = time.monotonic()
    for done, (table,) in enumerate(tables):
        report(Progress(f"comparing {table}", done, len(tables), time.monotonic() - started))
        async for difference in comparison.differences(table):
            if _expired(difference, bounds):
                continue
            result.differing += 1
            if len(result.differences) < _SHOWN:
                result.differences.append(difference)
        result.rows += comparison.rows
    report(Progress("compared", len(tables), len(tables), time.monotonic() - started))


def _expired(difference: Difference, bounds: dict[Partition, tuple[int, int]]) -> bool:
    """A dead letter that the topic has let go of since; the table keeps it."""
    key = difference.key
    if difference.table != "dead_letter" or difference.expected is not None or key["topic"] != DEAD_LETTERS:
        return False
    start, _ = bounds.get((DEAD_LETTERS, key["partition"]), (0, 0))
    return bool(key["offset"] < start)
