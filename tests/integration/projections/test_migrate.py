"""Migrations of the tables, also while they are in use."""

from __future__ import annotations

import asyncio
from functools import partial

import psycopg
import pytest

from projections.database import connect_owner
from projections.generations import OutdatedTables
from projections.migrate import apply, migrate
from projections.patience import patiently
from projections.sql import scripts
from projections.verify import verify
from projections.worker import serve
from relaylog.migrating import renew_outdated
from streams.settings import Settings
from tests.conftest import Database
from tests.integration.projections.support import append_conversations, execute, rows

pytestmark = pytest.mark.integration

_NAMES = "SELECT name FROM public.relaylog_migration ORDER BY applied_at, name"


async def test_they_are_applied_once_and_in_order(settings: Settings, postgres_database: Database) -> None:
    applied = await asyncio.gather(migrate(settings), migrate(settings))
    names = [(name,) for name in scripts("migrations")]
    assert sorted(map(len, applied)) == [0, len(names) + 1], "one of the two had everything to do"
    assert await rows(postgres_database.superuser_address, _NAMES) == names
    assert await migrate(settings) == []


async def test_nothing_stays_of_one_that_fails(settings: Settings, postgres_database: Database) -> None:
    await migrate(settings)
    async with await connect_owner(settings) as owner:
        with pytest.raises(psycopg.Error):
            await apply(owner, "9999_bad", b"CREATE TABLE relaylog.half (); SELECT 1 / 0")
    found = await rows(postgres_database.superuser_address, "SELECT to_regclass('relaylog.half')")
    assert found == [(None,)]


async def test_queries_run_on_while_one_waits_for_its_lock(settings: Settings, postgres_database: Database) -> None:
    """A long query holds up the migration; short ones do not queue behind it, as they would behind a waiting ALTER."""
    await migrate(settings)
    text = b"ALTER TABLE relaylog.generation ADD COLUMN note text"
    address = postgres_database.superuser_address
    async with await connect_owner(settings) as owner, await psycopg.AsyncConnection.connect(address) as long:
        await long.execute("SELECT * FROM relaylog.generation")
        migrating = asyncio.create_task(patiently(partial(apply, owner, "9999_note", text)))
        async with await psycopg.AsyncConnection.connect(address, autocommit=True) as short:
            await short.execute("SET lock_timeout = '1s'")
            for _ in range(50):
                await short.execute("SELECT * FROM relaylog.generation")
                await asyncio.sleep(0.05)
        assert not migrating.done()
        await long.rollback()
        await migrating
    assert await rows(address, "SELECT note FROM relaylog.generation") == [(None,)]


async def test_tables_of_another_release_are_refused_and_made_anew(
    system: Settings, postgres_database: Database
) -> None:
    admin = postgres_database.superuser_address
    await append_conversations(system, 3)
    await rows(admin, "UPDATE relaylog.generation SET shape = 'of another release' RETURNING 1")
    await execute(admin, "ALTER TABLE generation_0001.message DROP COLUMN author CASCADE")
    with pytest.raises(OutdatedTables, match="relaylog replay"):
        await asyncio.wait_for(serve(system, asyncio.Event()), 30)
    with pytest.raises(OutdatedTables):
        await verify(system, lambda _: None)
    said: list[str] = []
    await renew_outdated(system, said.append)
    assert said[-1].startswith("Postgres: 24 records folded")
    assert (await verify(system, lambda _: None)).agrees
    await renew_outdated(system, said.append)
    assert len(said) == 2, "once is enough"
