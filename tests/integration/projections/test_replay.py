"""Rebuild and verify, on a living system and on a damaged one."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition

from projections.rebuild import rebuild
from projections.replay import LogGap, Progress, ReplayRunning, exclusive_owner
from projections.verify import verify
from projections.worker import serve
from streams.settings import Settings
from streams.topics import EVENTS, topic_name
from tests.conftest import Database
from tests.integration.projections.asking import asking, register
from tests.integration.projections.support import (
    ACME,
    append,
    append_conversations,
    digests,
    eventually,
    folded,
    rows,
    running,
)

pytestmark = pytest.mark.integration


def silent(_: Progress) -> None:
    """Progress that nobody watches."""


async def test_a_rebuild_gives_the_same_tables_and_the_worker_goes_on_in_them(
    system: Settings, postgres_database: Database
) -> None:
    admin = postgres_database.superuser_address
    await append_conversations(system, 30)
    seen: list[Progress] = []
    async with running(serve, system):
        await eventually(lambda: folded(system, admin))
        before = await digests(admin, "generation_0001")
        result = await rebuild(system, seen.append)
        assert result.generation == "generation_0002"
        assert all(old == new for old, new in result.tables.values())
        assert await digests(admin, "generation_0002") == before
        await append(system, EVENTS, [b"not a fact"])
        await eventually(lambda: folded(system, admin))
    assert await rows(admin, "SELECT state FROM relaylog.generation") == [("live",)]
    assert await rows(admin, "SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'generation%%'", {}) == [
        ("generation_0002",)
    ]
    assert (seen[0].done, seen[-1].done >= seen[-1].total) == (0, True)
    assert result.records == 30 * 8


async def test_queries_run_through_a_rebuild_without_an_error(system: Settings, postgres_database: Database) -> None:
    await register(system, ACME)
    made = await append_conversations(system, 10)
    async with running(serve, system), asking(system) as client:
        await eventually(lambda: folded(system, postgres_database.superuser_address))
        work = asyncio.create_task(rebuild(system, silent))
        answers = []
        while not work.done():
            answers.append(await client.get(f"/v1/messages/{made[3].outbound}"))
            answers.append(await client.get("/v1/conversations"))
        await work
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.text for answer in answers[::2]}) == 1
        assert (await client.get(f"/v1/messages/{made[3].outbound}")).json()["status"] == "read"


async def test_verify_agrees_on_a_living_system(system: Settings, postgres_database: Database) -> None:
    await append_conversations(system, 10)
    await append(system, EVENTS, [b"poison", None])
    async with running(serve, system):
        await eventually(lambda: folded(system, postgres_database.superuser_address))
        growing = asyncio.create_task(append_conversations(system, 20, partition=1))
        result = await verify(system, silent)
        await growing
    assert result.agrees, [str(difference) for difference in result.differences]
    assert result.records >= 82
    assert await rows(postgres_database.superuser_address, "SELECT number FROM relaylog.generation") == [(1,)]


async def test_verify_names_row_and_field(system: Settings, postgres_database: Database) -> None:
    admin = postgres_database.superuser_address
    made = await append_conversations(system, 5)
    async with running(serve, system):
        await eventually(lambda: folded(system, admin))
    await rows(
        admin,
        "UPDATE generation_0001.message SET text = 'altered' WHERE message_id = %(id)s RETURNING 1",
        {"id": made[0].inbound},
    )
    await rows(
        admin,
        "DELETE FROM generation_0001.status_event WHERE message_id = %(id)s RETURNING 1",
        {"id": made[1].outbound},
    )
    await rows(
        admin,
        "INSERT INTO generation_0001.customer (tenant_id, customer_id) VALUES ('acme', gen_random_uuid()) RETURNING 1",
    )
    result = await verify(system, silent)
    assert result.differing == len(result.differences) == 5
    [altered] = [d for d in result.differences if d.table == "message"]
    assert (altered.key["message_id"], altered.field, altered.found) == (made[0].inbound, "text", "altered")
    assert made[0].inbound in str(altered)
    missing = [d for d in result.differences if d.table == "status_event"]
    assert len(missing) == 3
    assert all(d.found is None for d in missing)
    [extra] = [d for d in result.differences if d.table == "customer"]
    assert (extra.field, extra.expected) == ("", None)
    repaired = await rebuild(system, silent)
    assert repaired.tables["status_event"] == (12, 15)
    assert (await verify(system, silent)).agrees


async def test_a_log_without_its_beginning_is_refused(system: Settings, postgres_database: Database) -> None:
    await append_conversations(system, 2)
    admin = AIOKafkaAdminClient(bootstrap_servers=system.kafka)
    await admin.start()
    await admin.delete_records({TopicPartition(topic_name(system, EVENTS), 0): RecordsToDelete(before_offset=3)})
    await admin.close()
    for work in (rebuild, verify):
        with pytest.raises(LogGap, match="events/0 begins at offset 3: offsets 0 to 2 are missing"):
            await work(system, silent)
    assert await rows(postgres_database.superuser_address, "SELECT number FROM relaylog.generation") == [(1,)]


async def test_one_replay_at_a_time(system: Settings) -> None:
    async with exclusive_owner(system):
        with pytest.raises(ReplayRunning):
            await verify(system, silent)
