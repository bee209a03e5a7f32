"""What a query reads does not grow with the tables: each finds its rows by an index, in one tenant of many messages."""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from projections.migrate import migrate
from projections.sql import statement
from streams.settings import Settings
from tests.conftest import Database

pytestmark = pytest.mark.integration

_MESSAGES, _THREADS = 20_000, 1_000
#: A thread has twenty messages; some queries read them several times.
_MOST_ROWS = 600


def _md5(text: str) -> uuid.UUID:
    return uuid.UUID(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest())


THREAD, CUSTOMER, MESSAGE = _md5("t5"), _md5("c5"), _md5("m1005")
INSTANTS = [datetime(2026, 11, 23, tzinfo=UTC)]
PAGE = {"limit": 51, "place": None, "after": None}
QUERIES: list[tuple[str, dict[str, Any]]] = [
    ("message", {"id": MESSAGE}),
    ("message_as_of", {"id": MESSAGE, "instants": INSTANTS}),
    ("timeline", {"id": MESSAGE}),
    ("conversation", {"id": THREAD}),
    ("conversation_as_of", {"id": THREAD, "instants": INSTANTS}),
    ("conversation_story", {"id": THREAD}),
    ("conversation_events", {"id": THREAD}),
    ("conversation_messages", {"id": THREAD, **PAGE}),
    ("conversations", {"state": None, "customer_id": None, **PAGE}),
    ("customer", {"id": CUSTOMER}),
    ("customers", {"kinds": ["wa_id"], "values": ["445"], "limit": 50}),
    ("context_target", {"id": CUSTOMER}),
    ("context_written", {"id": CUSTOMER, "tenant": "acme", "version": _md5("v5")}),
    ("desk", {"genesys_conversation_id": "g-5", "messages": 30, "threads": 20}),
    ("mappings_by_message", {"platform": "whatsapp", "value": "wamid.1005", "limit": 50}),
    ("mappings_by_thread", {"genesys_conversation_id": "g-5", "wa_ids": [], "limit": 50}),
]


@pytest.fixture
async def filled(postgres_database: Database) -> Database:
    """Tables of one tenant with many messages; no log is needed for a plan."""
    settings = Settings(postgres=postgres_database.address, postgres_query=postgres_database.query_address)
    await migrate(settings.model_copy(update={"master_key": SecretStr("")}))
    admin = await psycopg.AsyncConnection.connect(postgres_database.superuser_address, autocommit=True)
    async with admin:
        fill = Path(__file__).with_name("many.sql").read_text()
        await admin.execute(fill.replace(":messages", str(_MESSAGES)).replace(":threads", str(_THREADS)).encode())
        await admin.execute("ANALYZE")
    return postgres_database


async def test_no_query_reads_more_than_its_own_rows(filled: Database) -> None:
    found = {}
    async with await psycopg.AsyncConnection.connect(filled.query_address, autocommit=True) as connection:
        for name, arguments in QUERIES:
            found[name] = await _rows_read(connection, name, arguments)
    assert all(found.values()), "a query that finds nothing proves nothing"
    assert {name: rows for name, rows in found.items() if rows > _MOST_ROWS} == {}


async def _rows_read(connection: psycopg.AsyncConnection[Any], name: str, arguments: dict[str, Any]) -> int:
    """Rows that the query and the functions in it fetched from tables; 0 when it found nothing."""
    async with connection.transaction():
        scope = {"role": "relaylog_query", "tenant": "acme"}
        await connection.execute(statement("query/sql/set_scope"), scope)
        before = await _fetched(connection)
        cursor = await connection.execute(statement(f"query/sql/{name}"), {"tenants": ["acme"], **arguments})
        return await _fetched(connection) - before if await cursor.fetchall() else 0


async def _fetched(connection: psycopg.AsyncConnection[Any]) -> int:
    """Rows fetched so far, of this transaction and of those before it that are not reported yet."""
    found = await connection.execute("SELECT sum(seq_tup_read + idx_tup_fetch)::int FROM pg_stat_xact_user_tables")
    return int((await found.fetchone() or (0,))[0])
