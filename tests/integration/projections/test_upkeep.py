"""What workers do by schedule: verify, repair, and what a killed rebuild has left."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from projections.replay import exclusive_owner
from projections.upkeep import Upkeep, UpkeepMetrics
from projections.worker import serve
from streams.settings import Settings
from tests.conftest import Database
from tests.integration.projections.support import append_conversations, eventually, folded, rows, running

pytestmark = pytest.mark.integration

EVERY = 3600.0
_RESULT = "SELECT result FROM relaylog.upkeep WHERE task = 'verify'"


class Keeping:
    """The upkeep of one process, and what it has counted."""

    def __init__(self, settings: Settings, **change: object) -> None:
        self.registry = CollectorRegistry()
        settings = settings.model_copy(update={"verify_every": EVERY, **change})
        self.upkeep = Upkeep(settings, UpkeepMetrics(self.registry))

    def counted(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"relaylog_{name}", labels) or 0.0


@pytest.fixture
async def settled(system: Settings, postgres_database: Database) -> Settings:
    """A system whose tables hold what its log does."""
    await append_conversations(system, 5)
    async with running(serve, system):
        await eventually(lambda: folded(system, postgres_database.superuser_address))
    return system


async def test_of_two_processes_one_verifies_when_it_is_due(settled: Settings, postgres_database: Database) -> None:
    one, other = Keeping(settled), Keeping(settled)
    for _ in range(2):
        await asyncio.gather(one.upkeep.step(), other.upkeep.step())
    runs = [keeping.counted("verify_runs_total", result="agreed") for keeping in (one, other)]
    assert sorted(runs) == [0, 1]
    assert max(keeping.counted("verify_agreed_timestamp_seconds") for keeping in (one, other)) > 0
    await rows(
        postgres_database.superuser_address,
        "UPDATE relaylog.upkeep SET begun_at = begun_at - interval '2 hours' RETURNING 1",
    )
    await one.upkeep.step()
    assert one.counted("verify_runs_total", result="agreed") == runs[0] + 1


async def test_a_difference_is_counted_and_repaired_where_that_is_wanted(
    settled: Settings, postgres_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    admin = postgres_database.superuser_address
    await rows(admin, "UPDATE generation_0001.message SET text = 'secret words' RETURNING 1")
    watching = Keeping(settled)
    await watching.upkeep.step()
    assert watching.counted("verify_runs_total", result="differed") == 1
    assert watching.counted("verify_differences") == 10
    assert watching.counted("verify_threads") == 3
    assert "log and tables differ: message acme" in caplog.text
    assert "secret words" not in caplog.text
    assert await rows(admin, _RESULT) == [("differed",)]
    await rows(admin, "DELETE FROM relaylog.upkeep RETURNING 1")
    repairing = Keeping(settled, repair=True)
    await repairing.upkeep.step()
    assert repairing.counted("repair_rows_total") == 10
    assert await rows(admin, "SELECT count(*) FROM generation_0001.message WHERE text = 'secret words'") == [(0,)]


async def test_while_a_person_works_on_the_tables_it_waits(settled: Settings, postgres_database: Database) -> None:
    admin = postgres_database.superuser_address
    keeping = Keeping(settled)
    stop = asyncio.Event()
    async with exclusive_owner(settled):
        task = asyncio.create_task(keeping.upkeep.run(stop))
        await eventually(lambda: _tried(admin))
        assert keeping.counted("verify_runs_total", result="agreed") == 0
    stop.set()
    await task
    [(soon,)] = await rows(
        admin, "SELECT begun_at < now() - interval '50 minutes' FROM relaylog.upkeep WHERE task = 'verify'"
    )
    assert soon, "it is due again long before the hour is over"


async def _tried(admin: str) -> bool:
    return await rows(admin, _RESULT) == [("failed",)]


async def test_a_cache_that_a_killed_rebuild_forbade_is_used_again(
    settled: Settings, postgres_database: Database
) -> None:
    admin = postgres_database.superuser_address
    await rows(admin, "UPDATE relaylog.generation SET cache_epoch = NULL RETURNING 1")
    await Keeping(settled, verify_every=0).upkeep.step()
    [(epoch,)] = await rows(admin, "SELECT cache_epoch FROM relaylog.generation")
    assert epoch is not None
