"""A table of two generations compared row by row, both read once in order of the key, in bounded memory."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from psycopg import AsyncServerCursor, sql

from projections.database import Connection
from projections.generations import Generation
from projections.sql import statement

_FETCHED = 2000
#: Counts the writes, which depend on how the log was cut into batches; everything else follows from the log.
_NOT_COMPARED = "revision"

Key = tuple[Any, ...]
Row = tuple[Key, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of one row; ``field`` is '' when a whole row is missing on one side, whose value is None then."""

    table: str
    #: The row's key by column, e.g. ``{"tenant_id": "acme", "message_id": "..."}``.
    key: dict[str, Any]
    field: str
    #: In the live tables.
    found: Any
    #: By the log.
    expected: Any

    def __str__(self) -> str:
        row = f"{self.table} {' '.join(str(part) for part in self.key.values())}"
        if self.field:
            return f"{row}: {self.field} is {self.found!r}, by the log {self.expected!r}"
        return f"{row}: is missing" if self.found is None else f"{row}: is not in the log"


@dataclass(slots=True)
class RowComparison:
    """Compares tables of the live generation, as a snapshot sees them, with those of a shadow."""

    snapshot: Connection
    live: Generation
    owner: Connection
    shadow: Generation
    #: Rows of the last table compared.
    rows: int = 0
    _columns: list[str] = field(default_factory=list)

    async def differences(self, table: str) -> AsyncIterator[Difference]:
        """Every difference of one table."""
        self.rows = 0
        self._columns = await self._key_of(table)
        found = self._ordered(self.snapshot, self.live, table)
        async with self.owner.transaction():
            expected = self._ordered(self.owner, self.shadow, table)
            one, other = await anext(found, None), await anext(expected, None)
            while one is not None or other is not None:
                self.rows += 1
                if one is not None and other is not None and one[0] == other[0]:
                    if one[1] != other[1]:
                        for difference in self._fields(table, one, other):
                            yield difference
                    one, other = await anext(found, None), await anext(expected, None)
                elif other is None or (one is not None and one[0] < other[0]):
                    assert one is not None
                    yield Difference(table, self._named(one[0]), "", one[1], None)
                    one = await anext(found, None)
                else:
                    yield Difference(table, self._named(other[0]), "", None, other[1])
                    other = await anext(expected, None)

    def _fields(self, table: str, one: Row, other: Row) -> list[Difference]:
        found, expected = json.loads(one[1]), json.loads(other[1])
        return [
            Difference(table, self._named(one[0]), name, found.get(name), expected.get(name))
            for name in expected
            if found.get(name) != expected.get(name)
        ]

    def _named(self, key: Key) -> dict[str, Any]:
        return dict(zip(self._columns, key, strict=True))

    async def _key_of(self, table: str) -> list[str]:
        found = await self.owner.execute(statement("generation/key_of"), {"schema": self.shadow.schema, "table": table})
        return [name for (name,) in await found.fetchall()]

    async def _ordered(self, connection: Connection, generation: Generation, table: str) -> AsyncIterator[Row]:
        """Rows in order of the key; in memory the parts of a key compare as they do in Postgres (collation "C")."""
        query = sql.SQL("SELECT {key}, (to_jsonb(t) - {left_out})::text FROM {table} t ORDER BY {key}")
        columns = sql.SQL(", ").join(map(sql.Identifier, self._columns))
        composed = query.format(
            key=columns, left_out=sql.Literal(_NOT_COMPARED), table=sql.Identifier(generation.schema, table)
        )
        cursor = AsyncServerCursor(connection, f"compare_{table}")
        cursor.itersize = _FETCHED
        async with cursor:
            await cursor.execute(composed)
            async for row in cursor:
                yield tuple(str(v) if not isinstance(v, int) else v for v in row[:-1]), row[-1]
