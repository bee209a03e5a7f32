"""Row-level security: the query role crosses no tenant by any table or view, and writes nothing."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors, sql

from projections.worker import serve
from streams.settings import Settings
from streams.topics import EVENTS
from tests.conftest import Database
from tests.integration.projections.support import (
    ACME,
    GLOBEX,
    TABLES,
    append,
    append_conversations,
    eventually,
    folded,
    running,
)

pytestmark = pytest.mark.integration

RELATIONS = """
SELECT table_schema::text, table_name::text FROM information_schema.tables
 WHERE table_schema = 'api' OR table_schema LIKE 'generation%%' ORDER BY 1, 2
"""


async def test_no_table_and_no_view_shows_another_tenant(system: Settings, postgres_database: Database) -> None:
    for partition, tenant in enumerate((ACME, GLOBEX)):
        await append_conversations(system, 3, tenant=tenant, partition=partition)
        await append(system, EVENTS, [b"poison"], tenant=tenant, partition=partition)
    async with running(serve, system):
        await eventually(lambda: folded(system, postgres_database.superuser_address))
    filled = set()
    async with await psycopg.AsyncConnection.connect(postgres_database.superuser_address) as admin:
        relations = await (await admin.execute(RELATIONS, {})).fetchall()
        assert len(relations) == 2 * len(TABLES), "a table, and the view on it"
        for name in relations:
            count = sql.SQL("SELECT count(DISTINCT tenant_id) FROM {}").format(sql.Identifier(*name))
            if (await (await admin.execute(count)).fetchone()) == (2,):
                filled.add(name)
    async with await psycopg.AsyncConnection.connect(postgres_database.query_address, autocommit=True) as query:
        for name in relations:
            assert await _seen(query, "relaylog_query", ACME, name) == ({ACME} if name in filled else set())
            assert await _seen(query, "relaylog_query", "", name) == set()
            assert await _seen(query, "relaylog_query", None, name) == set()
            assert await _seen(query, "relaylog_operator", None, name) >= ({ACME, GLOBEX} if name in filled else set())
    assert {name for _, name in filled} >= {
        "message",
        "conversation",
        "status_event",
        "attempt",
        "customer",
        "dead_letter",
    }


async def _seen(connection: psycopg.AsyncConnection, role: str, tenant: str | None, name: tuple[str, ...]) -> set[str]:
    async with connection.transaction():
        await connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
        if tenant is not None:
            await connection.execute("SELECT set_config('relaylog.tenant', %s, true)", [tenant])
        query = sql.SQL("SELECT DISTINCT tenant_id FROM {}").format(sql.Identifier(*name))
        return {row[0] for row in await (await connection.execute(query)).fetchall()}


@pytest.mark.parametrize("role", ["relaylog_query", "relaylog_operator"])
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO generation_0001.customer (tenant_id, customer_id) VALUES ('acme', gen_random_uuid())",
        "UPDATE generation_0001.message SET text = ''",
        "DELETE FROM api.message",
        "SET LOCAL ROLE relaylog_writer",
        "SET LOCAL ROLE relaylog",
        "SET LOCAL row_security = off; SELECT * FROM generation_0001.message",
        "UPDATE relaylog.generation SET cache_epoch = NULL",
    ],
)
async def test_who_queries_changes_nothing_and_becomes_nobody_else(
    system: Settings, postgres_database: Database, role: str, statement: str
) -> None:
    if role == "relaylog_operator" and "row_security" in statement:
        statement = "SELECT * FROM relaylog.generation FOR UPDATE"
    async with await psycopg.AsyncConnection.connect(postgres_database.query_address) as connection:
        await connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        with pytest.raises(errors.InsufficientPrivilege):
            await connection.execute(statement.encode())


async def test_the_login_of_queries_alone_sees_nothing(system: Settings, postgres_database: Database) -> None:
    async with await psycopg.AsyncConnection.connect(postgres_database.query_address) as connection:
        with pytest.raises(errors.InsufficientPrivilege):
            await connection.execute("SELECT * FROM api.message")
