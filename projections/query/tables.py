"""Asks Postgres: each request is one transaction under the caller's role, so that row-level security binds it."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from projections.query.callers import Caller
from projections.sql import statement
from streams.settings import Settings

Row = tuple[Any, ...]
Pool = AsyncConnectionPool[AsyncConnection[Row]]

_CONNECTIONS = 16
_WAIT_SECONDS = 5.0
_STATEMENT_MS = 10_000


def connection_pool(settings: Settings) -> Pool:
    """Connections of the query role, not opened yet; times are shown in UTC."""
    return AsyncConnectionPool(
        settings.postgres_query,
        min_size=1,
        max_size=_CONNECTIONS,
        timeout=_WAIT_SECONDS,
        open=False,
        kwargs={
            "autocommit": True,
            "options": f"-c timezone=UTC -c statement_timeout={_STATEMENT_MS}",
            "connect_timeout": 5,
        },
    )


class _Severed(Exception):
    """The connection broke off."""

    def __init__(self, cause: psycopg.OperationalError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Tables:
    """The live generation as a caller may see it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def rows(self, caller: Caller, name: str, **arguments: Any) -> list[Row]:
        """Rows of the statement ``sql/<name>.sql``, in one round trip: all goes out before anything is waited for.

        Raises psycopg.Error and psycopg_pool.PoolTimeout when Postgres does not answer.
        """
        scope = {"role": caller.role, "tenant": caller.only_tenant or ""}
        wanted = {"tenants": list(caller.tenants), **arguments}
        try:
            return await self._rows(name, scope, wanted)
        except _Severed:
            # Connections are not tried before they are used, which would cost a round trip; after a restart of Postgres
            # all that wait in the pool are severed.
            await self._pool.check()
        try:
            return await self._rows(name, scope, wanted)
        except _Severed as error:
            raise error.cause from None

    async def _rows(self, name: str, scope: dict[str, Any], wanted: dict[str, Any]) -> list[Row]:
        async with self._pool.connection() as connection:
            try:
                # What is between two synchronisations of a pipeline is one transaction; to begin and end it by commands
                # of their own would cost three more round trips.
                async with connection.pipeline():
                    await connection.execute(statement("query/sql/set_scope"), scope)
                    cursor = await connection.execute(statement(f"query/sql/{name}"), wanted)
                return await cursor.fetchall()
            except psycopg.OperationalError as error:
                if connection.closed:
                    raise _Severed(error) from error
                raise

    async def body(self, caller: Caller, name: str, **arguments: Any) -> bytes | None:
        """The first column of the first row, a resource as JSON; None where there is no row."""
        rows = await self.rows(caller, name, **arguments)
        return rows[0][0].encode() if rows and rows[0][0] is not None else None

    async def cache_epoch(self) -> str | None:
        """Epoch under which the live generation's rows are cached; None while nobody may use the cache."""
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute(statement("query/sql/set_scope"), {"role": "relaylog_query", "tenant": ""})
            row = await (await connection.execute(statement("query/sql/cache_epoch"))).fetchone()
            return row[0] if row else None
