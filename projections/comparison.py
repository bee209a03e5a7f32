"""A table of two generations compared: a digest for each thread, then the rows of those threads that differ.

Both are read once in order of the key, so that memory stays bounded however many rows there are.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from psycopg import AsyncServerCursor, sql

from projections.database import Connection
from projections.generations import Generation
from projections.shapes import EVERYTHING, REVISION, Selection, TableShape, columns
from projections.sql import template

_FETCHED = 2000
#: Beyond so many differing threads a table is compared as a whole, instead of naming them to the database.
_MOST_NAMED = 20_000

Key = tuple[Any, ...]
#: Key, thread, and the row as JSON.
Row = tuple[Key, str, str]
#: (tenant, thread), rows, and their digest.
Digest = tuple[tuple[str, str], int, str]
Item = TypeVar("Item", Row, Digest)


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of one row; ``field`` is '' when a whole row is missing on one side, whose value is None then."""

    table: str
    #: The row's key by column, e.g. ``{"tenant_id": "acme", "message_id": "..."}``.
    key: dict[str, Any]
    #: Id of the conversation that the row is part of, else of the customer; '' for rows of neither.
    thread: str
    field: str
    #: In the live tables.
    found: Any
    #: By the log.
    expected: Any

    def __str__(self) -> str:
        row = f"{self.table} {' '.join(str(part) for part in self.key.values())}"
        if self.thread and self.thread not in row:
            row = f"thread {self.thread}: {row}"
        if self.field:
            return f"{row}: {self.field} is {self.found!r}, by the log {self.expected!r}"
        return f"{row}: is missing" if self.found is None else f"{row}: is not in the log"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: tables of a generation, as a connection sees them."""

    connection: Connection
    generation: Generation


@dataclass(slots=True)
class Comparison:
    """Compares what was found with what the log says."""

    found: Side
    expected: Side
    selection: Selection = EVERYTHING
    #: Leave out what is past its tenant's time.
    expiring: bool = False
    #: Rows of the last table compared.
    rows: int = 0

    async def differences(self, shape: TableShape) -> AsyncIterator[Difference]:
        """Every difference of one table. The sides' connections must be in a transaction."""
        threads = await self._differing_threads(shape)
        if threads == []:
            return
        found, expected = (self._rows(side, shape, threads) for side in (self.found, self.expected))
        async for one, other in _pairs(found, expected):
            for difference in _between(shape, one, other):
                yield difference

    async def _differing_threads(self, shape: TableShape) -> list[tuple[str, str]] | None:
        """None when there are too many to be named."""
        self.rows = 0
        differing: list[tuple[str, str]] | None = []
        found, expected = (self._digests(side, shape) for side in (self.found, self.expected))
        async for one, other in _pairs(found, expected):
            self.rows += max(side[1] for side in (one, other) if side is not None)
            if one != other and differing is not None:
                differing.append((one or other)[0])  # type: ignore[index]
                if len(differing) > _MOST_NAMED:
                    differing = None
        return differing

    async def _digests(self, side: Side, shape: TableShape) -> AsyncIterator[Digest]:
        query = template("compare/digests").format(
            table=shape.in_schema(side.generation),
            columns=columns(shape.compared, "t"),
            thread=shape.thread(side.generation),
            selected=shape.selected(side.generation, self.selection, expiring=self.expiring),
        )
        async for tenant, thread, count, *sums in _stream(side, f"digest_{shape.name}", query, self._arguments([])):
            yield (tenant, thread), count, " ".join(map(str, sums))

    async def _rows(self, side: Side, shape: TableShape, threads: list[tuple[str, str]] | None) -> AsyncIterator[Row]:
        query = template("compare/rows").format(
            table=shape.in_schema(side.generation),
            key=columns(shape.key, "t"),
            left_out=sql.Literal(REVISION),
            thread=shape.thread(side.generation),
            selected=shape.selected(side.generation, self.selection, expiring=self.expiring),
        )
        async for *key, thread, text in _stream(side, f"rows_{shape.name}", query, self._arguments(threads)):
            yield tuple(part if isinstance(part, int) else str(part) for part in key), thread, text

    def _arguments(self, threads: list[tuple[str, str]] | None) -> dict[str, Any]:
        named = None if threads is None else [thread for _, thread in threads]
        tenants = None if threads is None else [tenant for tenant, _ in threads]
        return {**self.selection.arguments(), "tenants": tenants, "threads": named}


async def _stream(side: Side, name: str, query: sql.Composed, arguments: dict[str, Any]) -> AsyncIterator[Any]:
    # A connection may be both sides at once, so the names of its cursors tell them apart.
    cursor = AsyncServerCursor(side.connection, f"{name}_{side.generation.number}")
    cursor.itersize = _FETCHED
    async with cursor:
        await cursor.execute(query, arguments)
        async for row in cursor:
            yield row


async def _pairs(
    found: AsyncIterator[Item], expected: AsyncIterator[Item]
) -> AsyncIterator[tuple[Item | None, Item | None]]:
    """What has the same key on both sides, None where one side lacks it; both sides are in order of the key."""
    one, other = await anext(found, None), await anext(expected, None)
    while one is not None or other is not None:
        if one is not None and other is not None and one[0] == other[0]:
            yield one, other
            one, other = await anext(found, None), await anext(expected, None)
        elif other is None or (one is not None and one[0] < other[0]):
            yield one, None
            one = await anext(found, None)
        else:
            yield None, other
            other = await anext(expected, None)


def _between(shape: TableShape, one: Row | None, other: Row | None) -> Iterator[Difference]:
    present = one or other
    assert present is not None
    key, thread = dict(zip(shape.key, present[0], strict=True)), (other or present)[1]
    if one is None or other is None:
        yield Difference(shape.name, key, thread, "", one and one[2], other and other[2])
    elif one[2] != other[2]:
        found, expected = json.loads(one[2]), json.loads(other[2])
        for name in expected:
            if found.get(name) != expected.get(name):
                yield Difference(shape.name, key, thread, name, found.get(name), expected.get(name))
