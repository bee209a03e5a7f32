"""Which rows are past their time: a time of the row's own, whatever order the log was folded in, and a tenant's cut.

The folder of a kind of data has a file for each of its tables: the time by which a row ``t`` is judged. Conversations
and customers are kept: they are small. So are the counts in ``kept``, but they are final then: what comes late for a
message that is gone is counted by the log alone, so they are compared no more.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from psycopg import sql

from projections.database import Connection
from projections.sql import statement, template

Kind = Literal["messages", "dead_letters"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_HERE = Path(__file__).parent
#: Kind and file of each table, and of each whose rows stay.
_TABLES: dict[str, tuple[Kind, str]] = {
    file.stem: (kind, file.stem) for kind in KINDS for file in sorted((_HERE / kind).glob("*.sql"))
}
_KEPT: dict[str, tuple[Kind, str]] = {
    file.stem: (kind, f"kept/{file.stem}") for kind in KINDS for file in sorted((_HERE / kind / "kept").glob("*.sql"))
}


def kind_of(table: str) -> Kind | None:
    """What kind of data a table has; None for one that is kept."""
    return _TABLES[table][0] if table in _TABLES else None


def age(table: str, schema: str) -> sql.Composed:
    """The time by which a row ``t`` of a table is judged."""
    kind, file = (_TABLES | _KEPT)[table]
    return template(f"retention/{kind}/{file}").format(message=sql.Identifier(schema, "message"))


def expired(table: str, schema: str) -> sql.Composable:
    """Condition that a row ``t`` is past its time, and so not to be compared."""
    if table not in _TABLES | _KEPT:
        return sql.SQL("false")
    kind, _ = (_TABLES | _KEPT)[table]
    return template("retention/expired").format(age=age(table, schema), kind=sql.Literal(kind))


async def set_cut(owner: Connection, tenant_id: str, kind: Kind, days: int) -> None:
    """Let go what is older than so many days; a longer time than before brings nothing back."""
    await owner.execute(statement("retention/set_cut"), {"tenant": tenant_id, "kind": kind, "days": days})


async def any_cut(connection: Connection) -> bool:
    """Whether any tenant's rows are let go at all."""
    found = await (await connection.execute(statement("retention/any_cut"))).fetchone()
    return bool(found and found[0])
