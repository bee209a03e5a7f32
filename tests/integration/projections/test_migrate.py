"""Migrations of the tables, also while they are in use."""

from __future__ import annotations

import asyncio
from functools import partial

import psycopg
import pytest

from projections.database import connect_owner
from projections.migrate import apply, migrate
from projections.patience import patiently
from projections.sql import scripts
from streams.settings import Settings
from tests.conftest import Database
from tests.integration.projections.support import rows

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
