"""The worker under faults: commits that are cut, a database that refuses, two owners, poison and gaps."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import psycopg
import pytest
from psycopg import errors

from projections.verify import verify
from projections.worker.batch import Batch, Folded
from projections.worker.commit import commit
from streams.settings import Settings
from streams.topics import EVENTS
from tests.conftest import Database
from tests.integration.projections.cut import Moment, cuttable
from tests.integration.projections.positions import assert_owned_in_turns, watch_positions
from tests.integration.projections.support import (
    ACME,
    Clock,
    append,
    append_conversations,
    eventually,
    execute,
    folded,
    message,
    rows,
)
from tests.integration.projections.workers import worker
from tests.retention import remove_before
from tests.seed import chosen_seed

pytestmark = pytest.mark.integration


async def assert_true(settings: Settings) -> None:
    """Log and tables agree."""
    result = await verify(settings, lambda _: None)
    assert result.agrees, [str(difference) for difference in result.differences]


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_connection_cut_inside_commit(moment: Moment, system: Settings, postgres_database: Database) -> None:
    admin = postgres_database.superuser_address
    await append_conversations(system, 30)
    async with cuttable(postgres_database.address) as (address, cut):
        for _ in range(2):
            cut.arm(moment)
        async with worker(system.model_copy(update={"postgres": address, "batch_records": 20})) as counted:
            await eventually(lambda: folded(system, admin))
            assert cut.made == 2
            assert counted("postgres_errors_total") == 2
            assert counted("parked_total") == 0
    assert await rows(admin, "SELECT count(*) FROM api.message") == [(60,)]
    await assert_true(system)


async def test_a_deadlock_is_tried_again_whole(system: Settings, postgres_database: Database) -> None:
    admin = postgres_database.superuser_address
    made = await append_conversations(system, 4)
    first, last = sorted((made[0].inbound, made[1].inbound))
    async with worker(system) as counted:
        await eventually(lambda: folded(system, admin))
        async with await psycopg.AsyncConnection.connect(admin) as rival:
            # Only the worker looks for deadlocks.
            await rival.execute("SET deadlock_timeout = '1h'")
            touch = "UPDATE generation_0001.message SET revision = revision + 1 WHERE message_id = %s"
            await rival.execute(touch, [last])
            await append_conversations(system, 4)
            await eventually(lambda: _waits(admin))
            await rival.execute(touch, [first])
            await rival.commit()
        await eventually(lambda: folded(system, admin))
        assert counted("postgres_errors_total") == 1
        assert counted("parked_total") == 0
    await assert_true(system)


async def _waits(admin: str) -> bool:
    found = await rows(
        admin,
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    )
    return found != [(0,)]


@pytest.mark.parametrize(
    "error",
    [
        errors.DeadlockDetected,
        errors.SerializationFailure,
        errors.DiskFull,
        errors.IoError,
        errors.OutOfMemory,
        errors.TooManyConnections,
        errors.AdminShutdown,
        errors.QueryCanceled,
        errors.LockNotAvailable,
        errors.InternalError_,
        errors.DataCorrupted,
        psycopg.OperationalError,
        psycopg.InterfaceError,
    ],
)
async def test_what_is_not_the_datas_fault_is_never_halved(error: type[psycopg.Error]) -> None:
    applied: list[int] = []

    async def apply(batch: Batch, folded: Folded) -> None:
        applied.append(folded.records)
        raise error

    with pytest.raises(error):
        await commit({(EVENTS, 0): [_Raw(n) for n in range(8)]}, apply)
    assert applied == [8]


class _Raw:
    """A record that cannot be decoded."""

    def __init__(self, offset: int) -> None:
        self.offset, self.timestamp, self.key, self.value, self.headers = offset, 0, b"acme", b"{", ()


async def test_a_refusal_inside_the_server_is_waited_out(system: Settings, postgres_database: Database) -> None:
    """An internal error of Postgres is no verdict on the data: nothing is put aside, and the worker does not end."""
    admin = postgres_database.superuser_address
    await _refuse(admin, "XX000")
    await append_conversations(system, 3)
    async with worker(system) as counted:
        await eventually(lambda: _at_least(lambda: counted("postgres_errors_total"), 2))
        await execute(admin, "DROP TRIGGER refuse ON generation_0001.message")
        await eventually(lambda: folded(system, admin))
        assert counted("parked_total") == 0
    await assert_true(system)


async def _at_least(value: Callable[[], float], least: float) -> bool:
    return value() >= least


async def _refuse(admin: str, sqlstate: str) -> None:
    await execute(
        admin,
        f"""
        CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION 'refused' USING ERRCODE = '{sqlstate}'; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON generation_0001.message
           FOR EACH ROW EXECUTE FUNCTION public.refuse();
        """,
    )


def _poison(clock: Clock) -> list[bytes | None]:
    """What the fold refuses, and what only the database does."""
    long_id = "wamid." + "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=9000))
    return [
        b"{",
        None,
        b"\xff\xfe",
        message(ACME, "wamid.bad", "2026-99-22T10:00:00.000Z"),
        message(ACME, long_id, clock()),
        message(ACME, "wamid.id", clock()).replace(b'"id":"', b'"id":"not-a-uuid-', 1),
        message(ACME, "wamid.half", clock()).replace(b'"text":"Hello"', b'"text":"Hello","payload":{"x":"\\ud800!"}'),
    ]


async def test_poison_anywhere_in_a_batch_takes_nothing_with_it(system: Settings, postgres_database: Database) -> None:
    admin = postgres_database.superuser_address
    dice = random.Random(chosen_seed())
    clock = Clock()
    good: list[bytes | None] = [message(ACME, f"wamid.{n}", clock(), customer=f"4477009{n:05d}") for n in range(150)]
    poison = _poison(clock)
    values = list(good)
    for bad in poison:
        values.insert(dice.randrange(len(values) + 1), bad)
    await append(system, EVENTS, values)
    async with worker(system.model_copy(update={"batch_records": 1000})) as counted:
        await eventually(lambda: folded(system, admin))
        parked = counted("parked_total")
    kept = await rows(admin, 'SELECT bytes FROM generation_0001.dead_letter ORDER BY "offset"')
    assert [value for (value,) in kept] == [value for value in values if value in poison]
    assert parked == len(poison)
    assert await rows(admin, "SELECT count(*) FROM api.message") == [(len(good),)]
    await assert_true(system)


async def test_records_that_the_log_has_lost_raise_an_alarm(
    system: Settings, postgres_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    admin = postgres_database.superuser_address
    await append_conversations(system, 4)
    async with worker(system) as counted:
        await eventually(lambda: folded(system, admin))
        assert counted("gap_records_total") == 0
    await append_conversations(system, 4)
    await remove_before(system, EVENTS, 30)
    async with worker(system) as counted:
        await eventually(lambda: folded(system, admin))
        assert counted("gap_records_total") == 10
    assert "the log lacks 10 offsets" in caplog.text


async def test_a_gap_at_the_end_raises_its_alarm_before_anything_new_comes(
    system: Settings, postgres_database: Database
) -> None:
    await append_conversations(system, 4)
    await remove_before(system, EVENTS, 20)
    async with worker(system) as counted:
        await eventually(lambda: _at_least(lambda: counted("gap_records_total"), 20))
        await append_conversations(system, 2)
        await eventually(lambda: folded(system, postgres_database.superuser_address))
        assert counted("gap_records_total") == 20, "each is counted once"


async def test_two_workers_that_fight_for_every_partition(system: Settings, postgres_database: Database) -> None:
    admin = postgres_database.superuser_address
    await watch_positions(admin)
    small = system.model_copy(update={"batch_records": 10})
    async with worker(small) as one, worker(small, "rival") as other:
        for n in range(6):
            await append_conversations(system, 10, partition=n % 2)
            await asyncio.sleep(0.2)
        await eventually(lambda: folded(system, admin), seconds=90)
        fenced = one("fenced_total") + other("fenced_total")
    changes = await assert_owned_in_turns(admin)
    assert fenced >= 1
    assert changes >= 1
    await assert_true(system)
