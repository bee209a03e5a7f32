"""Deleting what is past its time, a few blocks of a table in one transaction, so that nobody waits."""

from __future__ import annotations

import asyncio
import time
from functools import partial

from psycopg import sql

from projections.database import Connection
from projections.generations import Generation
from projections.patience import give_way, patiently
from projections.retention.cuts import Kind, age, kind_of
from projections.sql import statement, template

#: 2 MiB of a table.
_BLOCKS = 256


async def expire(owner: Connection, generation: Generation, *, share: bool = False) -> dict[str, int]:
    """Delete what is past its time; how many rows, by table. ``share``: rest for as long as each step took."""
    deleted = {}
    tables = await owner.execute(statement("generation/tables_of"), {"schema": generation.schema})
    # Ids are judged by their messages, so messages go last.
    for table in sorted((name for (name,) in await tables.fetchall()), key=lambda name: name == "message"):
        kind = kind_of(table)
        if kind is not None:
            deleted[table] = await _expire_table(owner, generation, table, kind, share)
    if any(deleted.values()):
        await owner.execute(statement("worker/sql/renew_cache"), {"generation": generation.number})
    return deleted


async def _expire_table(owner: Connection, generation: Generation, table: str, kind: Kind, share: bool) -> int:
    arguments = {"schema": generation.schema, "table": table}
    found = await (await owner.execute(statement("retention/blocks"), arguments)).fetchone()
    delete = template("retention/expire").format(
        table=sql.Identifier(generation.schema, table), age=age(table, generation.schema)
    )
    deleted, blocks = 0, int(found[0]) if found else 0
    for first in range(0, blocks, _BLOCKS):
        started = time.monotonic()
        deleted += await patiently(partial(_expire_blocks, owner, delete, kind, first))
        if share:
            await asyncio.sleep(time.monotonic() - started)
    return deleted


async def _expire_blocks(owner: Connection, delete: sql.Composed, kind: Kind, first: int) -> int:
    async with owner.transaction():
        await give_way(owner)
        arguments = {"first": f"({first},0)", "end": f"({first + _BLOCKS},0)", "kind": kind}
        return (await owner.execute(delete, arguments)).rowcount
