"""What the catalogue says about the tables of a generation, and which thread each of their rows belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from psycopg import sql

from projections.database import Connection
from projections.generations import Generation
from projections.retention.cuts import expired
from projections.sql import statement, template

#: Counts the writes, which depend on how the log was cut into batches; everything else follows from the log.
REVISION = "revision"
#: Columns that name a message, and the column of the table of messages that they name it by.
_NAMES_OF_MESSAGES = {"message_id": "message_id", "delivery_id": "message_id", "genesys_id": "genesys_id"}


@dataclass(frozen=True, slots=True)
class Selection:
    """A part of the tables: one tenant, or threads with a message in a span of time; without either, all of it."""

    tenant: str | None = None
    #: ISO 8601; from here on, inclusive.
    since: str | None = None
    #: ISO 8601; up to here, exclusive.
    until: str | None = None

    def arguments(self) -> dict[str, str | None]:
        """For the statements that ask for a part."""
        return {"tenant": self.tenant, "since": self.since, "until": self.until}


EVERYTHING = Selection()


@dataclass(frozen=True, slots=True)
class TableShape:
    """One table, the same in every generation of a release."""

    name: str
    #: Columns of the primary key, in its order.
    key: tuple[str, ...]
    #: All columns but the revision.
    compared: tuple[str, ...]
    #: Columns that are written, not computed by the database.
    written: tuple[str, ...]

    @property
    def of_threads(self) -> bool:
        """Whether its rows belong to conversations."""
        return "conversation_id" in self.compared or any(name in self.compared for name in _NAMES_OF_MESSAGES)

    def in_schema(self, generation: Generation) -> sql.Identifier:
        """Its qualified name."""
        return sql.Identifier(generation.schema, self.name)

    def thread(self, generation: Generation) -> sql.Composable:
        """Expression for the conversation of a row ``t``, else its customer, else '' (the tenant as a whole)."""
        if "conversation_id" in self.compared:
            found: sql.Composable = sql.SQL("t.conversation_id::text")
        elif names := [name for name in _NAMES_OF_MESSAGES if name in self.compared]:
            found = template("compare/thread_by_message").format(
                message=sql.Identifier(generation.schema, "message"),
                column=sql.Identifier(names[0]),
                named=sql.Identifier(_NAMES_OF_MESSAGES[names[0]]),
            )
        elif "customer_id" in self.compared:
            found = sql.SQL("t.customer_id::text")
        else:
            return sql.SQL("''::text COLLATE \"C\"")
        return sql.SQL("coalesce({}, '') COLLATE \"C\"").format(found)

    def selected(self, generation: Generation, selection: Selection, *, expiring: bool) -> sql.Composed:
        """Condition for the rows of a part; rows of no thread are in every span of time.

        ``expiring``: leave out what is past its tenant's time.
        """
        windowed = self.of_threads and (selection.since is not None or selection.until is not None)
        return template("compare/selected").format(
            windowed=sql.Literal(windowed),
            thread=self.thread(generation),
            message=sql.Identifier(generation.schema, "message"),
            expired=expired(self.name, generation.schema) if expiring else sql.SQL("false"),
        )


def columns(names: Iterable[str], alias: str = "") -> sql.Composed:
    """Columns, comma separated, each of ``alias`` where there is one."""
    return sql.SQL(", ").join(sql.Identifier(alias, name) if alias else sql.Identifier(name) for name in names)


def same(names: Iterable[str], one: str, other: str) -> sql.Composed:
    """Condition that two aliased rows have the same values there."""
    pairs = (sql.SQL("{} = {}").format(sql.Identifier(one, name), sql.Identifier(other, name)) for name in names)
    return sql.SQL(" AND ").join(pairs)


async def table_shapes(connection: Connection, generation: Generation) -> list[TableShape]:
    """Every table of a generation, in order of the names."""
    tables = await (
        await connection.execute(statement("generation/tables_of"), {"schema": generation.schema})
    ).fetchall()
    return [await _shape(connection, generation, name) for (name,) in tables]


async def _shape(connection: Connection, generation: Generation, name: str) -> TableShape:
    arguments = {"schema": generation.schema, "table": name}
    found = await (await connection.execute(statement("compare/columns"), arguments)).fetchall()
    places = {place: column for column, _, place in found if place is not None}
    return TableShape(
        name=name,
        key=tuple(places[place] for place in sorted(places)),
        compared=tuple(column for column, _, _ in found if column != REVISION),
        written=tuple(column for column, computed, _ in found if not computed),
    )
