"""Rows past their tenant's time are let go while everything runs; what the log still has of them is not missed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from projections.database import connect_owner
from projections.generations import live_generation
from projections.rebuild import rebuild
from projections.repair import repair
from projections.replay import Progress
from projections.retention import any_cut, expire, set_cut
from projections.upkeep import Upkeep, UpkeepMetrics
from projections.upkeep.service import cuts
from projections.verify import verify
from projections.worker import serve
from schemas import ids
from schemas.tenant import Retention
from streams.directory import read_directory
from streams.settings import Settings
from streams.topics import EVENTS, OUTCOMES
from tests.conftest import Database
from tests.integration.projections.asking import register
from tests.integration.projections.support import (
    ACME,
    GLOBEX,
    accepted,
    append,
    composed,
    eventually,
    folded,
    message,
    rows,
    running,
    status,
)

pytestmark = pytest.mark.integration


def silent(_: Progress) -> None:
    """Nobody watches."""


def ago(days: float) -> str:
    then = datetime.now(UTC) - timedelta(days=days)
    return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def append_aged(settings: Settings, tenant: str, partition: int, days: float, count: int = 4) -> None:
    """Conversations of so many days ago: a customer's message and an answer, taken, sent and delivered."""
    name = f"{tenant}-{days}"
    events, outcomes = [], []
    for n in range(count):
        outbound = ids.genesys_message_id(tenant, f"{name}-{n}")
        events += [
            message(tenant, f"wamid.{name}.{n}", ago(days), customer=f"44770090{n:04d}"),
            composed(tenant, f"{name}-{n}", ago(days), customer=f"44770090{n:04d}"),
            *(status(tenant, outbound, kind, ago(days), wamid=f"out.{name}.{n}") for kind in ("sent", "delivered")),
            b"poison",
        ]
        outcomes.append(accepted(tenant, outbound, ago(days), platform="whatsapp", remote=f"out.{name}.{n}"))
    await append(settings, EVENTS, events, tenant=tenant, partition=partition)
    await append(settings, OUTCOMES, outcomes, tenant=tenant, partition=partition)


@pytest.fixture
async def aged(system: Settings, postgres_database: Database) -> Settings:
    """Two tenants with conversations of yesterday and of forty days ago."""
    for partition, tenant in enumerate((ACME, GLOBEX)):
        for days in (40, 1):
            await append_aged(system, tenant, partition, days)
    async with running(serve, system):
        await eventually(lambda: folded(system, postgres_database.superuser_address))
    return system


_COUNTS = """
SELECT (SELECT count(*) FROM generation_0001.message WHERE tenant_id = %(tenant)s),
       (SELECT count(*) FROM generation_0001.attempt WHERE tenant_id = %(tenant)s),
       (SELECT count(*) FROM generation_0001.remote_id WHERE tenant_id = %(tenant)s)
"""


async def counts(admin: str, tenant: str) -> tuple[int, ...]:
    [found] = await rows(admin, _COUNTS, {"tenant": tenant})
    return found


async def let_go(settings: Settings, tenant: str, days: int) -> dict[str, int]:
    async with await connect_owner(settings) as owner:
        await set_cut(owner, tenant, "messages", days)
        return await expire(owner, await live_generation(owner))


async def test_only_the_old_rows_of_that_tenant_go(aged: Settings, postgres_database: Database) -> None:
    admin = postgres_database.superuser_address
    before = await rows(admin, "SELECT cache_epoch FROM relaylog.generation")
    assert await counts(admin, ACME) == await counts(admin, GLOBEX) == (16, 8, 8)
    deleted = await let_go(aged, ACME, 30)
    assert deleted["message"] == 8
    assert await counts(admin, ACME) == (8, 4, 4)
    assert await counts(admin, GLOBEX) == (16, 8, 8)
    assert await rows(admin, "SELECT cache_epoch FROM relaylog.generation") != before, "nor are they shown from there"
    assert await rows(admin, "SELECT count(*) FROM api.conversation WHERE tenant_id = 'acme'") == [(4,)]


async def test_what_was_let_go_is_neither_missed_nor_brought_back(aged: Settings, postgres_database: Database) -> None:
    admin = postgres_database.superuser_address
    await let_go(aged, ACME, 30)
    assert (await verify(aged, silent)).agrees
    # What comes late for a message that is gone.
    late = ids.genesys_message_id(ACME, "acme-40-0")
    async with running(serve, aged):
        await append(aged, EVENTS, [status(ACME, late, "read", ago(0), wamid="out.acme-40.0")])
        await eventually(lambda: folded(aged, admin))
    assert (await verify(aged, silent)).agrees
    done = await repair(aged, silent)
    assert done.rewritten == 0
    result = await rebuild(aged, silent)
    assert {table.differing for table in result.tables.values()} <= {0, 1}, "at most the remnant"
    assert (await verify(aged, silent)).agrees
    shown = await rows(admin, "SELECT count(*) FROM api.message WHERE tenant_id = 'acme'")
    assert shown == [(8,)]
    await rows(admin, "DELETE FROM generation_0002.remote_id WHERE tenant_id = 'globex' RETURNING 1")
    assert (await verify(aged, silent)).differing == 8, "of others everything is missed as before"


async def test_a_cut_only_moves_on(aged: Settings, postgres_database: Database) -> None:
    await let_go(aged, ACME, 30)
    before = await rows(postgres_database.superuser_address, "SELECT before FROM relaylog.retention_cut")
    await let_go(aged, ACME, 300)
    assert await rows(postgres_database.superuser_address, "SELECT before FROM relaylog.retention_cut") == before


async def test_writing_goes_on_while_rows_are_let_go(aged: Settings, postgres_database: Database) -> None:
    admin = postgres_database.superuser_address
    async with running(serve, aged):
        writing = [asyncio.create_task(append_aged(aged, ACME, 0, days, count=60)) for days in (35, 2)]
        while not all(task.done() for task in writing):
            await let_go(aged, ACME, 30)
        await eventually(lambda: folded(aged, admin))
        await let_go(aged, ACME, 30)
    assert (await counts(admin, ACME))[0] == 8 + 120
    assert (await verify(aged, silent)).agrees


async def test_a_day_by_day_pass_follows_the_tenants_record(aged: Settings, postgres_database: Database) -> None:
    admin = postgres_database.superuser_address
    await register(aged, ACME, GLOBEX)
    # The worker has been there today, when nothing was to be let go.
    await rows(admin, "DELETE FROM relaylog.upkeep RETURNING 1")
    registry = CollectorRegistry()
    settings = aged.model_copy(update={"retention_messages_days": 30, "retention_dead_letters_days": 10})
    await Upkeep(settings, UpkeepMetrics(registry)).step()
    assert await counts(admin, ACME) == await counts(admin, GLOBEX) == (8, 4, 4)
    assert registry.get_sample_value("relaylog_retention_rows_total", {"table": "message"}) == 16
    assert await rows(admin, "SELECT result FROM relaylog.upkeep WHERE task = 'retention'") == [("32 rows",)]
    await rows(admin, "UPDATE generation_0001.dead_letter SET at = at - interval '11 days' RETURNING 1")
    await rows(admin, "DELETE FROM relaylog.upkeep RETURNING 1")
    await Upkeep(settings, UpkeepMetrics(CollectorRegistry())).step()
    assert await rows(admin, "SELECT count(*) FROM generation_0001.dead_letter") == [(0,)]


async def test_the_tenants_own_time_comes_before_the_installations(system: Settings) -> None:
    await register(system, ACME, GLOBEX)
    directory = await read_directory(system)
    acme, globex = directory.tenants
    acme = acme.model_copy(update={"retention": Retention(messages_days=7)})
    settings = system.model_copy(update={"retention_messages_days": 90})
    assert set(cuts(settings, [acme, globex])) == {(ACME, "messages", 7), (GLOBEX, "messages", 90)}
    assert list(cuts(system, [globex])) == []


async def test_without_a_cut_nothing_is_judged(system: Settings) -> None:
    async with await connect_owner(system) as owner:
        assert not await any_cut(owner)
