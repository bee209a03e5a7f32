"""Tenants apart: whatever the catalogue and the folder of queries list is tried, so that nothing new is forgotten."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg import errors, sql

from projections.sql import scripts
from projections.worker import serve
from schemas import ids
from schemas.customer_events import ContextWrite
from schemas.envelope import decode
from streams.settings import Settings
from streams.topics import EVENTS
from tests.conftest import Database
from tests.integration.projections.doings import Doings, opted, updated
from tests.integration.projections.support import (
    ACME,
    GLOBEX,
    Conversation,
    append,
    append_conversations,
    eventually,
    folded,
    rows,
    running,
    subject_of,
)

pytestmark = pytest.mark.integration

#: Schemas of ours: whatever tables, views and functions they hold is tried.
OURS = "n.nspname IN ('api', 'relaylog', 'public') OR n.nspname LIKE 'generation%%'"

RELATIONS = f"""
SELECT n.nspname::text, c.relname::text, c.relkind::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE ({OURS}) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 1, 2
"""

#: Tables of tenant data, and what each lacks of its protection.
UNPROTECTED = """
SELECT c.relname::text, c.relrowsecurity, c.relforcerowsecurity,
       (SELECT array_agg(p.polname::text ORDER BY p.polname) FROM pg_policy p WHERE p.polrelid = c.oid) AS policies
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname LIKE 'generation%%' AND c.relkind IN ('r', 'p')
   AND NOT (c.relrowsecurity AND c.relforcerowsecurity
            AND (SELECT array_agg(p.polname::text ORDER BY p.polname) FROM pg_policy p WHERE p.polrelid = c.oid)
                = ARRAY['operator', 'tenant', 'writer'])
"""

#: Indexes of tenant data whose first column is another one. An expression has no column: attnum 0.
ELSEWHERE_LED = """
SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
 WHERE n.nspname LIKE 'generation%%' AND a.attname IS DISTINCT FROM 'tenant_id'
"""

WITHOUT_KEY = """
SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname LIKE 'generation%%' AND c.relkind IN ('r', 'p')
   AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)
"""

#: A view without it would read with its owner's rights; materialised views and foreign tables know no policies at all.
UNBOUND_VIEWS = f"""
SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE ({OURS}) AND (c.relkind IN ('m', 'f')
       OR (c.relkind = 'v' AND NOT coalesce('security_invoker=true' = ANY (c.reloptions), false)))
"""

#: Such a function would act with its owner's rights.
DEFINERS = f"""
SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE ({OURS}) AND p.prosecdef
"""

FUNCTIONS = f"""
SELECT n.nspname::text, p.proname::text,
       ARRAY(SELECT format_type(a.type, NULL) FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS a (type, n)
              ORDER BY a.n)::text[]
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE ({OURS}) ORDER BY 1, 2
"""

ROLES = """
SELECT rolname::text, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication FROM pg_roles
 WHERE rolname IN ('relaylog_query', 'relaylog_operator', 'relaylog_api', 'relaylog_writer', 'relaylog') ORDER BY 1
"""

MEMBERSHIPS = """
SELECT g.rolname::text, m.inherit_option, m.admin_option FROM pg_auth_members m
  JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles u ON u.oid = m.member WHERE u.rolname = %(role)s ORDER BY 1
"""

WRITABLE = """
SELECT DISTINCT table_schema::text, table_name::text, privilege_type::text, grantee::text
  FROM information_schema.table_privileges
 WHERE grantee IN ('relaylog_query', 'relaylog_operator', 'relaylog_api', 'PUBLIC') AND privilege_type <> 'SELECT'
   AND table_schema NOT IN ('pg_catalog', 'information_schema')
"""


@dataclass(frozen=True)
class World:
    """Two tenants whose tables are filled, and who may look at them."""

    admin: str
    query: str
    conversations: dict[str, list[Conversation]]


def written(tenant: str) -> bytes:
    """A service's context document of the first customer."""
    context = ContextWrite(document={"tier": "gold"})
    return updated("2026-11-22T11:00:00.000Z", FIRST_CUSTOMER, context=context, tenant=tenant, id="context")


def done(tenant: str) -> list[bytes]:
    """The first customer waits for an agent, and wants no advertising."""
    doings = Doings(FIRST_CUSTOMER, tenant=tenant)
    times = [f"2026-11-22T11:{minute:02d}:00.000Z" for minute in (1, 2, 3)]
    return [
        doings.queued(times[0], queue=f"Queue of {tenant}"),
        doings.joined(times[1], "p-1"),
        opted("out", times[2], FIRST_CUSTOMER, tenant=tenant),
    ]


@pytest.fixture
async def world(system: Settings, postgres_database: Database) -> AsyncIterator[World]:
    made = {}
    for partition, tenant in enumerate((ACME, GLOBEX)):
        made[tenant] = await append_conversations(system, 3, tenant=tenant, partition=partition)
        await append(system, EVENTS, [b"poison", written(tenant), *done(tenant)], tenant=tenant, partition=partition)
    async with running(serve, system):
        await eventually(lambda: folded(system, postgres_database.superuser_address))
    yield World(postgres_database.superuser_address, postgres_database.query_address, made)


async def test_every_table_key_and_view_is_bound_to_a_tenant(system: Settings, postgres_database: Database) -> None:
    admin = postgres_database.superuser_address
    for wrong in (UNPROTECTED, ELSEWHERE_LED, WITHOUT_KEY, UNBOUND_VIEWS, DEFINERS):
        assert await rows(admin, wrong, {}) == [], wrong
    assert await rows(admin, WRITABLE, {}) == []


FLAWS = {
    "ALTER TABLE generation_0001.message NO FORCE ROW LEVEL SECURITY": UNPROTECTED,
    "CREATE POLICY all_of_it ON generation_0001.message TO relaylog_query USING (true)": UNPROTECTED,
    "CREATE TABLE generation_0001.note (tenant_id text, PRIMARY KEY (tenant_id))": UNPROTECTED,
    "CREATE INDEX ON generation_0001.message (whatsapp_id, tenant_id)": ELSEWHERE_LED,
    "CREATE INDEX ON generation_0001.message (lower(whatsapp_id))": ELSEWHERE_LED,
    "CREATE TABLE generation_0001.note (tenant_id text)": WITHOUT_KEY,
    "CREATE VIEW api.note AS SELECT * FROM generation_0001.message": UNBOUND_VIEWS,
    "CREATE MATERIALIZED VIEW api.note AS SELECT * FROM generation_0001.message": UNBOUND_VIEWS,
    "CREATE FUNCTION api.note() RETURNS bigint SECURITY DEFINER LANGUAGE sql AS 'SELECT 1::bigint'": DEFINERS,
    "GRANT DELETE ON generation_0001.message TO relaylog_query": WRITABLE,
}


async def test_a_flaw_would_be_found(system: Settings, postgres_database: Database) -> None:
    async with await psycopg.AsyncConnection.connect(postgres_database.superuser_address) as connection:
        for flaw, search in FLAWS.items():
            await connection.execute(flaw.encode())
            assert await (await connection.execute(search.encode(), {})).fetchall(), flaw
            await connection.rollback()


async def test_no_role_of_ours_can_pass_by_row_level_security(system: Settings, postgres_database: Database) -> None:
    admin = postgres_database.superuser_address
    ours = await rows(admin, ROLES)
    assert len(ours) == 5
    assert [role for role, *powers in ours if any(powers)] == ["relaylog"], "the owner makes the group roles"
    assert [powers for role, *powers in ours if role == "relaylog"] == [[False, False, True, False, False]]
    granted = await rows(admin, MEMBERSHIPS, {"role": "relaylog_api"})
    assert [role for role, _, admin_option in granted if not admin_option] == ["relaylog_operator", "relaylog_query"]
    for role in ("relaylog_query", "relaylog_operator"):
        assert await rows(admin, MEMBERSHIPS, {"role": role}) == []


async def test_no_table_and_no_view_shows_another_tenant(world: World) -> None:
    relations = [(schema, name) for schema, name, _ in await rows(world.admin, RELATIONS, {})]
    filled = set()
    async with await psycopg.AsyncConnection.connect(world.admin) as admin:
        for name in relations:
            if "tenant_id" in await _columns(admin, name):
                count = sql.SQL("SELECT count(DISTINCT tenant_id) FROM {}").format(sql.Identifier(*name))
                if (await (await admin.execute(count)).fetchone()) == (2,):
                    filled.add(name)
        open_to_all = [name for name in relations if "tenant_id" not in await _columns(admin, name)]
    about_no_tenant = {
        ("public", "relaylog_migration"),
        *(("relaylog", name) for name in ("generation", "position", "upkeep")),
    }
    assert set(open_to_all) == about_no_tenant, "what carries no tenant must not be tenant data"
    async with await psycopg.AsyncConnection.connect(world.query, autocommit=True) as query:
        for name in set(relations) - set(open_to_all):
            assert await _seen(query, "relaylog_query", ACME, name) == ({ACME} if name in filled else set())
            assert await _seen(query, "relaylog_query", "", name) == set()
            assert await _seen(query, "relaylog_query", None, name) == set()
            assert await _seen(query, "relaylog_operator", None, name) >= ({ACME, GLOBEX} if name in filled else set())
    core = {"message", "conversation", "status_event", "attempt", "customer", "dead_letter"}
    assert {name for _, name in filled} >= core, "both tenants must have rows that could be seen"


async def _columns(admin: psycopg.AsyncConnection[Any], name: tuple[str, str]) -> set[str]:
    found = await admin.execute(
        "SELECT column_name::text FROM information_schema.columns WHERE table_schema = %s AND table_name = %s", name
    )
    return {column for (column,) in await found.fetchall()}


async def _seen(
    connection: psycopg.AsyncConnection[Any], role: str, tenant: str | None, name: tuple[str, str]
) -> set[str]:
    async with connection.transaction():
        await connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
        if tenant is not None:
            await connection.execute("SELECT set_config('relaylog.tenant', %s, true)", [tenant])
        query = sql.SQL("SELECT DISTINCT tenant_id FROM {}").format(sql.Identifier(*name))
        return {row[0] for row in await (await connection.execute(query)).fetchall()}


#: Statements about no tenant's data.
NOT_ABOUT_TENANTS = {"set_scope", "cache_epoch"}
#: Of `append_conversations`.
FIRST_CUSTOMER = "447700900000"


async def test_no_query_shows_another_tenant_whatever_it_is_asked(world: World) -> None:
    """Each statement of the query process is asked for everything of globex, once as globex and once as acme."""
    queries = scripts("query/sql")
    assert queries.keys() > NOT_ABOUT_TENANTS
    wanted = _arguments(world)
    answered = set()
    for name in sorted(queries.keys() - NOT_ABOUT_TENANTS):
        text = queries[name].decode()
        asked = set(re.findall(r"%\((\w+)\)s", text))
        missing = asked - wanted.keys()
        assert not missing, f"{name}.sql: say in _arguments what globex has for {missing}"
        assert asked & {"tenants", "tenant"}, f"{name}.sql: names no tenant"
        for number in range(max(len(wanted[argument]) for argument in asked)):
            arguments = {argument: wanted[argument][number % len(wanted[argument])] for argument in asked}
            if await _answer(world, GLOBEX, text, arguments):
                answered.add(name)
            foreign = await _answer(world, ACME, text, arguments)
            assert GLOBEX not in repr(foreign), name
            assert not any(id in repr(foreign) for id in _ids(world)), name
    unanswered = queries.keys() - NOT_ABOUT_TENANTS - answered
    assert not unanswered, f"nothing of globex was shown to globex itself by {unanswered}: these prove nothing"


async def test_no_function_shows_another_tenant_whatever_it_is_asked(world: World) -> None:
    """Each is called for globex: texts name the tenant, ids what is its; once as globex and once as acme."""
    wanted = _arguments(world)
    answered = set()
    for schema, name, types in await rows(world.admin, FUNCTIONS, {}):
        call = sql.SQL("SELECT * FROM {}({})").format(
            sql.Identifier(schema, name),
            sql.SQL(", ").join(sql.Placeholder(type) + sql.SQL(f"::{type}") for type in types),
        )
        for id in wanted["id"]:
            arguments = {"text": GLOBEX, "uuid": id}
            given = {type: arguments.get(type) for type in types}
            text = call.as_string()
            if GLOBEX in repr(await _answer(world, GLOBEX, text, given)):
                answered.add(name)
            foreign = repr(await _answer(world, ACME, text, given))
            # What was asked for may be repeated.
            assert not any(known in foreign for known in _ids(world) - {str(id)}), name
    assert "customer_body" in answered, "of globex something must be shown to globex itself"


def _ids(world: World) -> set[str]:
    made = {id for made in world.conversations[GLOBEX] for id in (made.inbound, made.outbound)}
    return made | {ids.customer_id(GLOBEX, f"pseudonym-{FIRST_CUSTOMER}"), decode(written(GLOBEX)).id}


def _arguments(world: World) -> dict[str, list[Any]]:
    """For every argument of any query, what finds something of globex; where it has several meanings, each of them."""
    customer = uuid.UUID(ids.customer_id(GLOBEX, f"pseudonym-{FIRST_CUSTOMER}"))
    conversation = uuid.UUID(ids.conversation_id(GLOBEX, subject_of(FIRST_CUSTOMER)))
    message = uuid.UUID(world.conversations[GLOBEX][0].inbound)
    return {
        "tenants": [[ACME, GLOBEX]],
        "tenant": [GLOBEX],
        "id": [conversation, customer, message],
        "wa_ids": [[FIRST_CUSTOMER]],
        "customer_id": [customer],
        "state": [None],
        "instants": [[datetime(2026, 11, 23, tzinfo=UTC)]],
        "messages": [30],
        "threads": [20],
        "kinds": [["wa_id"]],
        "values": [[FIRST_CUSTOMER]],
        "version": [uuid.UUID(decode(written(GLOBEX)).id)],
        "genesys_conversation_id": ["conversation-1"],
        "platform": ["genesys"],
        "value": ["taken-0"],
        "place": [None],
        "after": [None],
        "limit": [100],
        "since": [datetime(2026, 11, 1, tzinfo=UTC)],
        "until": [datetime(2027, 1, 1, tzinfo=UTC)],
        "by": ["day"],
        "channel": [None],
    }


async def _answer(world: World, tenant: str, text: str, arguments: dict[str, Any]) -> list[tuple[Any, ...]]:
    async with (
        await psycopg.AsyncConnection.connect(world.query) as connection,
        connection.transaction(),
    ):
        await connection.execute(scripts("query/sql")["set_scope"], {"role": "relaylog_query", "tenant": tenant})
        return await (await connection.execute(text.encode(), arguments)).fetchall()


FORBIDDEN = (
    "INSERT INTO generation_0001.customer (tenant_id, customer_id) VALUES ('acme', gen_random_uuid())",
    "UPDATE generation_0001.message SET text = ''",
    "DELETE FROM api.message",
    "SELECT * FROM relaylog.generation FOR UPDATE",
    "SELECT * FROM public.relaylog_migration",
    "UPDATE relaylog.generation SET cache_epoch = NULL",
    "SET LOCAL ROLE relaylog_writer",
    "SET LOCAL ROLE relaylog",
    "ALTER TABLE generation_0001.message NO FORCE ROW LEVEL SECURITY",
    "DROP POLICY tenant ON generation_0001.message",
    "CREATE VIEW api.all_messages AS SELECT * FROM generation_0001.message",
    "CREATE FUNCTION public.all_messages() RETURNS SETOF api.message LANGUAGE sql AS 'SELECT * FROM api.message'",
    "ALTER ROLE CURRENT_USER BYPASSRLS",
)


async def test_who_queries_changes_nothing_and_becomes_nobody_else(
    system: Settings, postgres_database: Database
) -> None:
    async with await psycopg.AsyncConnection.connect(postgres_database.query_address) as connection:
        for role in ("relaylog_query", "relaylog_operator"):
            for statement in FORBIDDEN:
                await connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
                with pytest.raises(errors.InsufficientPrivilege):
                    await connection.execute(statement.encode())
                await connection.rollback()
        # Without policies a query of this role is refused, not answered in full.
        await connection.execute("SET LOCAL ROLE relaylog_query; SET LOCAL row_security = off")
        with pytest.raises(errors.InsufficientPrivilege):
            await connection.execute("SELECT * FROM generation_0001.message")


async def test_the_login_of_queries_alone_sees_nothing(system: Settings, postgres_database: Database) -> None:
    async with await psycopg.AsyncConnection.connect(postgres_database.query_address) as connection:
        with pytest.raises(errors.InsufficientPrivilege):
            await connection.execute("SELECT * FROM api.message")
