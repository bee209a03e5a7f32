"""Generations: sets of projection tables, each in a schema of its own; exactly one is live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from psycopg import sql

from projections.database import Connection
from projections.recipe import recipe, shape
from projections.sql import statement
from schemas.errors import RelaylogError

#: ``rebuild``: to become live, kept when it is broken off; ``shadow``: only to be compared with.
Purpose = Literal["live", "rebuild", "shadow"]


class NotMigrated(RelaylogError):
    """The database has no live generation of tables yet."""


class OutdatedTables(RelaylogError):
    """The live tables are not those that this release folds into."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One set of tables."""

    number: int
    schema: str
    #: Part of every cache key; None while nobody may use the cache.
    cache_epoch: str | None = None
    #: Digest of the definition of its tables.
    shape: str = ""

    @property
    def outdated(self) -> bool:
        """Whether its tables are not those that this release folds into."""
        return self.shape != shape()


def require_current(generation: Generation) -> None:
    """Raises OutdatedTables."""
    if generation.outdated:
        raise OutdatedTables(f"{generation.schema} has the tables of another release: run `relaylog replay`")


async def live_generation(connection: Connection) -> Generation:
    """The generation that queries see. Raises NotMigrated."""
    found = await connection.execute("SELECT to_regclass('relaylog.generation')")
    if not (await found.fetchone() or (None,))[0]:
        raise NotMigrated("the database has no tables of relaylog yet: run `relaylog migrate`")
    row = await (await connection.execute(statement("worker/sql/live_generation"))).fetchone()
    if row is None:
        raise NotMigrated("no generation of tables is live: run `relaylog migrate`")
    return Generation(row[0], row[1], None if row[2] is None else str(row[2]), row[3])


async def create_generation(connection: Connection, purpose: Purpose = "live") -> Generation:
    """A new, empty generation that is not live; in the caller's transaction, as the owner."""
    arguments = {"purpose": purpose, "shape": shape(), "recipe": recipe()}
    row = await (await connection.execute(statement("generation/register"), arguments)).fetchone()
    assert row is not None
    generation = Generation(row[0], row[1])
    await connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(generation.schema)))
    await use_generation(connection, generation, local=True)
    for part in ("tables", "security"):
        await connection.execute(statement(f"generation/{part}"))
    return generation


async def make_live(connection: Connection, generation: Generation) -> None:
    """Let queries see ``generation``; the one before is retired, and whoever folds into it is fenced.

    In the caller's transaction: it is seen wholly or not at all.
    """
    await use_generation(connection, generation, local=True)
    await connection.execute(statement("generation/retire"))
    await connection.execute(statement("generation/make_live"), {"number": generation.number})
    for part in ("views", "analytics"):
        await connection.execute(statement(f"generation/{part}"))


async def use_generation(connection: Connection, generation: Generation, *, local: bool = False) -> None:
    """Let unqualified table names mean those of ``generation``, for the session or the current transaction."""
    await connection.execute("SELECT set_config('search_path', %s, %s)", [generation.schema, local])


async def drop_generation(connection: Connection, generation: Generation) -> None:
    """Remove a generation that is not live, with its positions."""
    async with connection.transaction():
        await connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(generation.schema)))
        await connection.execute(
            "DELETE FROM relaylog.generation WHERE number = %s AND state <> 'live'", [generation.number]
        )
