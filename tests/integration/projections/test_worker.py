"""The worker on real Kafka, Postgres and Valkey: exactly once, fenced, and past whatever is poisonous."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from projections.database import connect_writer
from projections.generations import live_generation
from projections.worker import serve
from projections.worker.batch import Span, fold_batch
from projections.worker.store import Fenced, ForeignCluster, Store
from relaylog.embedded.ports import free_ports
from schemas import ids
from schemas.envelope import encode, envelope
from schemas.errors import UnknownEventVersion
from schemas.events import ErrorData, Failure
from streams.log import Record
from streams.provisioning import cluster_id
from streams.settings import Settings
from streams.topics import EVENTS
from tests.conftest import Database
from tests.integration.projections.support import (
    ACME,
    Clock,
    append,
    append_conversations,
    conversation,
    digests,
    environment,
    eventually,
    folded,
    message,
    rows,
    running,
)

pytestmark = pytest.mark.integration

POINTS = (
    *("project_before_transaction", "project_inside_transaction", "project_before_commit"),
    *("project_after_commit", "project_after_cache"),
)
PROCESS = ("-m", "relaylog", "project")


async def test_batches_of_any_size_give_the_same_tables(system: Settings, postgres_database: Database) -> None:
    admin = postgres_database.superuser_address
    await append_conversations(system, 60)
    found = []
    for size in (1, 137, 1000, 5000):
        async with running(serve, system.model_copy(update={"batch_records": size})):
            await eventually(lambda: folded(system, admin), seconds=60)
        found.append(await digests(admin, "generation_0001"))
        await _forget(admin)
    assert found[1:] == [found[0]] * 3
    assert found[0]["message"][0] == 120


async def _forget(admin: str) -> None:
    """Empty every table and take the positions back to the beginning."""
    async with await psycopg.AsyncConnection.connect(admin) as connection:
        tables = await connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'generation_0001'")
        for (table,) in await tables.fetchall():
            await connection.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier("generation_0001", table)))
        await connection.execute("UPDATE relaylog.position SET next_offset = 0")


@pytest.mark.parametrize("point", POINTS)
async def test_killed_at(point: str, system: Settings, postgres_database: Database, tmp_path: Path) -> None:
    admin = postgres_database.superuser_address
    crash_file = tmp_path / "crash"
    crash_file.write_text(point)
    await append_conversations(system, 20)
    [port] = free_ports(1)
    update = {"crash_file": str(crash_file), "batch_records": 30, "project_port": port}
    settings = environment(system.model_copy(update=update))
    first = await asyncio.create_subprocess_exec(sys.executable, *PROCESS, env=settings)
    assert await asyncio.wait_for(first.wait(), 30) == -signal.SIGKILL
    second = await asyncio.create_subprocess_exec(sys.executable, *PROCESS, env=settings)
    try:
        await eventually(lambda: folded(system, admin))
    finally:
        second.kill()
        await second.wait()
    crashed = await digests(admin, "generation_0001")
    await _forget(admin)
    # Under the same name in the group, so that nobody waits for the end of the killed one's session.
    async with running(serve, system.model_copy(update={"project_port": port})):
        await eventually(lambda: folded(system, admin))
    assert crashed == await digests(admin, "generation_0001")


def _batch(values: list[bytes], start: int) -> dict[tuple[str, int], list[Record]]:
    return {(EVENTS, 0): [Record(0, start + n, 0, b"acme", value, ()) for n, value in enumerate(values)]}


async def test_of_two_workers_on_one_partition_the_earlier_is_fenced(
    system: Settings, postgres_database: Database
) -> None:
    clock = Clock()
    batch = _batch([message(ACME, f"wamid.{n}", clock()) for n in range(3)], 0)
    spans = [Span((EVENTS, 0), 0, 3)]
    cluster = await cluster_id(system)
    async with await connect_writer(system) as one, await connect_writer(system) as other:
        generation = await live_generation(one)
        stale, owner = (Store(c, generation, cluster, system, cached=False) for c in (one, other))
        for store in (stale, owner):
            await store.prepare()
            await store.claim([(EVENTS, 0)])
        with pytest.raises(Fenced):
            await stale.apply(fold_batch(batch), spans)
        assert await rows(postgres_database.superuser_address, "SELECT count(*) FROM api.message") == [(0,)]
        await owner.apply(fold_batch(batch), spans)
        with pytest.raises(Fenced):
            await owner.apply(fold_batch(batch), spans), "the same batch again"
    assert await rows(postgres_database.superuser_address, "SELECT count(*) FROM api.message") == [(3,)]


@asynccontextmanager
async def _in_a_copy(stopped: psycopg.AsyncConnection[Any]) -> AsyncIterator[None]:
    async with stopped.cursor() as cursor, cursor.copy(b"COPY stage FROM STDIN"):
        yield


@pytest.mark.parametrize("inside", [_in_a_copy, psycopg.AsyncConnection.pipeline])
async def test_a_worker_stopped_in_the_middle_does_not_keep_its_successor_waiting(
    inside: Callable[[Any], AbstractAsyncContextManager[Any]], system: Settings, postgres_database: Database
) -> None:
    """It holds its positions, and Postgres has no timeout for who is in the middle of a COPY or of a pipeline."""
    await append_conversations(system, 2)
    stopped = await connect_writer(system)
    store = Store(stopped, await live_generation(stopped), await cluster_id(system), system, cached=False)
    await store.prepare()
    await store.claim([(EVENTS, 0)])
    with pytest.raises(psycopg.OperationalError):
        async with stopped.transaction():
            await stopped.execute("UPDATE relaylog.position SET next_offset = 1")
            async with inside(stopped):
                if stopped.pgconn.pipeline_status:
                    await stopped.execute("UPDATE relaylog.position SET next_offset = 1")
                async with running(serve, system):
                    await eventually(lambda: folded(system, postgres_database.superuser_address), seconds=60)


async def test_tables_of_another_cluster_are_not_continued(system: Settings) -> None:
    async with await connect_writer(system) as connection:
        generation = await live_generation(connection)
        store = Store(connection, generation, "another", system, cached=False)
        await store.prepare()
        await store.claim([(EVENTS, 0)])
    with pytest.raises(ForeignCluster, match="another"):
        await asyncio.wait_for(serve(system, asyncio.Event()), 30)


async def test_poison_is_put_aside_with_its_bytes_and_its_neighbours_are_folded(
    system: Settings, postgres_database: Database
) -> None:
    admin = postgres_database.superuser_address
    clock = Clock()
    good = [message(ACME, f"wamid.{n}", clock()) for n in range(40)]
    bad_time, no_time = (message(ACME, "wamid.bad", at) for at in ("2026-99-22T10:00:00.000Z", "yesterday"))
    poison = [b"{", bad_time, no_time, b"\x00\xff", b'{"specversion": "1.0"}', None]
    await append(system, EVENTS, [*good[:10], *poison[:4], *good[10:], *poison[4:]])
    async with running(serve, system):
        await eventually(lambda: folded(system, admin))
    assert await rows(admin, "SELECT count(*) FROM api.message") == [(40,)]
    parked = await rows(admin, 'SELECT "offset", bytes, tenant_id, handler FROM generation_0001.dead_letter ORDER BY 1')
    offsets = (10, 11, 12, 13, 44, 45)
    assert parked == [(offset, value, ACME, "projection") for offset, value in zip(offsets, poison, strict=True)]


async def test_every_character_arrives_as_it_was(system: Settings, postgres_database: Database) -> None:
    admin = postgres_database.superuser_address
    texts = ["tab\t", "line\nfeed\r", "back\\slash \\N \\.", '"quote" \'', "😀 é \u2028", "", "\\N"]
    await append(system, EVENTS, [message(ACME, f"wamid.{n}", Clock()(), text=text) for n, text in enumerate(texts)])
    control = "nul \x00 and \x1d\x1e\x1f"
    await append(system, EVENTS, [message(ACME, "wamid.control", Clock()(), text=control)])
    async with running(serve, system):
        await eventually(lambda: folded(system, admin))
    for number, text in enumerate(texts):
        id = ids.whatsapp_message_id(ACME, f"wamid.{number}")
        assert await rows(admin, "SELECT body->>'text' FROM api.message WHERE message_id = %(id)s", {"id": id}) == [
            (text,)
        ]
    id = ids.whatsapp_message_id(ACME, "wamid.control")
    shown = await rows(admin, "SELECT body->>'text' FROM api.message WHERE message_id = %(id)s", {"id": id})
    assert shown == [(control.replace("\0", "\ufffd"),)]
    assert await rows(admin, "SELECT count(*) FROM generation_0001.dead_letter") == [(0,)]


async def test_a_fact_of_a_newer_release_stops_the_worker(system: Settings) -> None:
    at = Clock()()
    data = ErrorData(channel="1", failure=Failure(code="1", reason="x"))
    newer = envelope(
        id=ids.event_id(ACME, "x", "y"),
        type="message.received",
        source="x",
        time=at,
        recordedtime=at,
        data=data,
        version=2,
        tenantid=ACME,
    )
    await append(system, EVENTS, [encode(newer)])
    with pytest.raises(UnknownEventVersion, match=r"events/0 offset 0: 'message.received/2'"):
        await asyncio.wait_for(serve(system, asyncio.Event()), 30)


async def test_without_redis_the_tables_are_as_with_it(system: Settings, postgres_database: Database) -> None:
    admin = postgres_database.superuser_address
    await append_conversations(system, 10)
    [nobody] = free_ports(1)
    before = await rows(admin, "SELECT cache_epoch FROM relaylog.generation")
    async with running(serve, system.model_copy(update={"redis": f"redis://127.0.0.1:{nobody}"})):
        await eventually(lambda: folded(system, admin))
        await append_conversations(system, 12)
        await eventually(lambda: folded(system, admin))
    assert await rows(admin, "SELECT count(*) FROM api.message") == [(24,)]
    assert await rows(admin, "SELECT cache_epoch FROM relaylog.generation") != before, "older values are void"


async def test_postgres_broken_off_in_a_batch_loses_nothing(system: Settings, postgres_database: Database) -> None:
    admin = postgres_database.superuser_address
    made = await append_conversations(system, 40)
    async with running(serve, system.model_copy(update={"batch_records": 7})):
        for _ in range(5):
            await rows(
                admin,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE usename = 'relaylog' AND datname = current_database()",
            )
            await asyncio.sleep(0.05)
        await eventually(lambda: folded(system, admin))
        again = conversation(ACME, 0, Clock(), "447700900000")
        await append(system, EVENTS, again.events)
        await eventually(lambda: folded(system, admin))
    assert await rows(admin, "SELECT count(*) FROM api.message") == [(2 * len(made),)]
