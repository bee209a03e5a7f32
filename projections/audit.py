"""The log folded into shadow tables beside the live ones, and both compared: for verify, repair and a partial replay.

Nobody waits for it: the live tables are read through a snapshot, taken when the shadow is nearly there.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from psycopg import IsolationLevel, sql

from projections.comparison import Comparison, Difference, Side
from projections.database import Connection, connect_owner
from projections.generations import Generation, live_generation, require_current
from projections.replay import (
    Progress,
    Replay,
    Report,
    exclusive_owner,
    live_positions,
    log_bounds,
    shadow_store,
)
from projections.retention.cuts import any_cut, expired
from projections.shapes import EVERYTHING, Selection, TableShape, table_shapes
from projections.sql import template
from streams.group import Partition
from streams.provisioning import cluster_id
from streams.settings import Settings
from streams.topics import DEAD_LETTERS

#: So many differences are kept to be shown; all are counted.
_SHOWN = 1000
#: So many differing threads are told apart.
_THREADS = 100_000

#: Told the table of a difference, and the difference.
Found = Callable[[TableShape, Difference], Awaitable[None]]


@dataclass(slots=True)
class Result:
    """Whether log and tables agree, as of the positions of one moment."""

    records: int
    rows: int = 0
    #: Fields and missing or foreign rows.
    differing: int = 0
    seconds: float = 0.0
    #: The first of them.
    differences: list[Difference] = field(default_factory=list)
    _threads: set[tuple[str, str]] = field(default_factory=set)

    @property
    def agrees(self) -> bool:
        """True when nothing differs."""
        return self.differing == 0

    @property
    def threads(self) -> int:
        """How many conversations, customers and, counted as one each, tenants' other rows differ."""
        return len(self._threads)

    def add(self, difference: Difference) -> None:
        """Count it, and keep it while there is room."""
        self.differing += 1
        if len(self._threads) < _THREADS:
            self._threads.add((difference.key["tenant_id"], difference.thread))
        if len(self.differences) < _SHOWN:
            self.differences.append(difference)


@dataclass(slots=True)
class Audit:
    """Shadow tables, folded as far as the live ones were a moment ago."""

    settings: Settings
    owner: Connection
    live: Generation
    shadow: Generation
    cluster: str
    replay: Replay
    bounds: dict[Partition, tuple[int, int]]
    shapes: list[TableShape]
    selection: Selection
    report: Report

    async def catch_up(self, phase: str) -> None:
        """Fold on to where the live tables are now. Raises LogGap, LogUnavailable."""
        await self.replay.fold_up_to(await live_positions(self.settings, self.owner, self.live, self.cluster), phase)

    async def compare(self, found: Found | None = None) -> Result:
        """Compare as of one moment; ``found`` is told each difference. Raises LogGap, LogUnavailable."""
        started = time.monotonic()
        await self.catch_up("catching up")
        async with snapshot(self.settings) as connection:
            positions = await live_positions(self.settings, connection, self.live, self.cluster)
            await self.replay.fold_up_to(positions, "to one moment")
            async with self.owner.transaction():
                sides = Side(connection, self.live), Side(self.owner, self.shadow)
                expiring = await any_cut(connection)
                result = await self._compare(Comparison(*sides, self.selection, expiring), found)
        result.seconds = time.monotonic() - started
        return result

    async def _compare(self, comparison: Comparison, found: Found | None) -> Result:
        result = Result(self.replay.records)
        for shape in _reported(self.shapes, self.report):
            async for difference in comparison.differences(shape):
                if not (self._expired(difference) or (comparison.expiring and await self._remnant(difference))):
                    result.add(difference)
                    if found is not None:
                        await found(shape, difference)
            result.rows += comparison.rows
        return result

    def _expired(self, difference: Difference) -> bool:
        """A dead letter that the topic has let go of since; the table keeps it."""
        key: dict[str, Any] = difference.key
        if difference.table != "dead_letter" or difference.expected is not None or key["topic"] != DEAD_LETTERS:
            return False
        start, _ = self.bounds.get((DEAD_LETTERS, key["partition"]), (0, 0))
        return bool(key["offset"] < start)

    async def _remnant(self, difference: Difference) -> bool:
        """What came late for a message that is past its time, so that the live tables know no more of it."""
        if difference.expected is not None or "message_id" not in difference.key:
            return False
        query = template("retention/expired_message").format(
            table=sql.Identifier(self.shadow.schema, "message"), expired=expired("message", self.shadow.schema)
        )
        arguments = {"tenant": difference.key["tenant_id"], "message": difference.key["message_id"]}
        return (await self.owner.execute(query, arguments)).rowcount > 0


def _reported(shapes: list[TableShape], report: Report) -> Iterator[TableShape]:
    started = time.monotonic()
    for done, shape in enumerate(shapes):
        report(Progress(f"comparing {shape.name}", done, len(shapes), time.monotonic() - started))
        yield shape
    report(Progress("compared", len(shapes), len(shapes), time.monotonic() - started))


@asynccontextmanager
async def audit(
    settings: Settings, report: Report, selection: Selection = EVERYTHING, *, share: bool = False
) -> AsyncIterator[Audit]:
    """Fold the log from its beginning into shadow tables, which are dropped at the end of the block.

    Raises LogGap, ReplayRunning, NotMigrated, OutdatedTables, PostgresUnavailable, LogUnavailable.
    """
    cluster = await cluster_id(settings)
    async with exclusive_owner(settings) as owner:
        bounds = await log_bounds(settings)
        live = await live_generation(owner)
        require_current(live)
        async with shadow_store(settings, owner, cluster) as (shadow, store):
            replay = Replay(settings, store, report, tenant=selection.tenant, share=share)
            shapes = await table_shapes(owner, live)
            made = Audit(settings, owner, live, shadow, cluster, replay, bounds, shapes, selection, report)
            await made.catch_up("folding the log")
            yield made


@asynccontextmanager
async def snapshot(settings: Settings) -> AsyncIterator[Connection]:
    """One unmoving sight of all tables."""
    async with await connect_owner(settings) as connection:
        await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
        async with connection.transaction():
            yield connection
