"""Connections to Postgres, by role."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict

from projections.sql import statement
from schemas.errors import RelaylogError
from streams.settings import InvalidSettings, Settings

Connection = AsyncConnection[tuple[Any, ...]]

#: A stopped worker must not hold the rows of its unfinished batch for longer: its successor waits for them.
_IDLE_IN_TRANSACTION_SECONDS = 10
_CONNECT_SECONDS = 5
_WRITER_APPLICATION = "relaylog writer"


class PostgresUnavailable(RelaylogError):
    """No connection to Postgres."""


async def connect_owner(settings: Settings) -> Connection:
    """A connection that may change tables; times are shown in UTC.

    Raises PostgresUnavailable when nothing answers, InvalidSettings when no address is set.
    """
    if not settings.postgres:
        raise InvalidSettings("RELAYLOG_POSTGRES: expected an address (postgresql://...), is not set")
    try:
        return await AsyncConnection.connect(
            settings.postgres, autocommit=True, connect_timeout=_CONNECT_SECONDS, options="-c timezone=UTC"
        )
    except psycopg.OperationalError as error:
        raise PostgresUnavailable(f"Postgres does not answer: {error}") from error


async def connect_writer(settings: Settings) -> Connection:
    """A connection with the rights of the projections and no others. Raises as `connect_owner`."""
    connection = await connect_owner(settings)
    seconds = _IDLE_IN_TRANSACTION_SECONDS
    await connection.execute(
        statement("worker/sql/end_stopped"), {"seconds": seconds, "application": _WRITER_APPLICATION}
    )
    await connection.execute(f"SET application_name = '{_WRITER_APPLICATION}'".encode())
    await connection.execute("SET ROLE relaylog_writer")
    await connection.execute(f"SET idle_in_transaction_session_timeout = '{seconds:d} s'".encode())
    return connection


def query_login(settings: Settings) -> str:
    """Name of the role that the query processes log in as. Raises InvalidSettings."""
    user = conninfo_to_dict(settings.postgres_query).get("user") if settings.postgres_query else None
    if not user:
        raise InvalidSettings("RELAYLOG_POSTGRES_QUERY: expected an address with a user (postgresql://user:...@...)")
    return str(user)
