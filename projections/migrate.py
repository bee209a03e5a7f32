"""Migrations: ordered SQL files, forwards only, each in one transaction; the first live generation is made here too.

They run while queries and workers do: a lock that is not had at once is asked for again, so that nobody queues behind.
"""

from __future__ import annotations

from functools import partial

from psycopg import errors, sql
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random

from projections.database import Connection, connect_owner, query_login
from projections.generations import create_generation, make_live
from projections.patience import give_way, patiently
from projections.sql import scripts, statement
from streams.settings import Settings

#: Any number that nothing else locks; "relaylog" in ASCII.
_LOCK = 0x72656C61796C6F67


async def migrate(settings: Settings) -> list[str]:
    """Apply what is missing and return its names; safe to run from several processes at once.

    Raises PostgresUnavailable, InvalidSettings, or psycopg.Error when a statement fails (nothing of its file stays).
    """
    # Roles are rows shared by all databases of a cluster: migrations of two of them can collide, and try again then.
    retrying = AsyncRetrying(
        retry=retry_if_exception_type((errors.InternalError_, errors.UniqueViolation, errors.SerializationFailure)),
        stop=stop_after_attempt(8),
        wait=wait_random(0.05, 0.5),
        reraise=True,
    )
    return await retrying(_migrate, settings)


async def _migrate(settings: Settings) -> list[str]:
    login = query_login(settings)
    async with await connect_owner(settings) as connection:
        await connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        await connection.execute(statement("migrations/bookkeeping/applied"))
        done = {
            name
            for (name,) in await (await connection.execute("SELECT name FROM public.relaylog_migration")).fetchall()
        }
        missing = {name: text for name, text in scripts("migrations").items() if name not in done}
        for name, text in missing.items():
            await patiently(partial(apply, connection, name, text))
        await _grant_login(connection, login)
        return [*missing, *await _first_generation(connection)]


async def apply(connection: Connection, name: str, text: bytes) -> None:
    """One file in one transaction, which gives way to whoever uses the tables: raises LockNotAvailable then."""
    async with connection.transaction():
        await give_way(connection)
        await connection.execute(text)
        await connection.execute("INSERT INTO public.relaylog_migration (name) VALUES (%s)", [name])


async def _grant_login(connection: Connection, login: str) -> None:
    for role in ("relaylog_query", "relaylog_operator"):
        found = await connection.execute("SELECT pg_has_role(%s, %s, 'MEMBER')", [login, role])
        if not (await found.fetchone() or (False,))[0]:
            await connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(login)))


async def _first_generation(connection: Connection) -> list[str]:
    found = await connection.execute(statement("worker/sql/live_generation"))
    if await found.fetchone():
        return []
    async with connection.transaction():
        generation = await create_generation(connection)
        await make_live(connection, generation)
    return [generation.schema]
