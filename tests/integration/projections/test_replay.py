"""Rebuild and verify, on a living system and on a damaged one."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from projections.query.cache import LEASE_SECONDS
from projections.rebuild import rebuild
from projections.repair import repair, replay_part
from projections.replay import LogGap, Progress, ReplayRunning, exclusive_owner
from projections.shapes import Selection
from projections.verify import verify
from projections.worker import serve
from streams.settings import Settings
from streams.topics import EVENTS
from tests.conftest import Database
from tests.integration.projections.asking import asking, register
from tests.integration.projections.support import (
    ACME,
    GLOBEX,
    Conversation,
    append,
    append_conversations,
    digests,
    environment,
    eventually,
    folded,
    rows,
    running,
)
from tests.retention import remove_before

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
        assert all(table.rows[0] == table.rows[1] for table in result.tables.values())
        assert {table.differing for table in result.tables.values()} == {0}
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


@pytest.mark.parametrize("point", ["project_inside_transaction", "rebuild_after_batch", "rebuild_after_switch"])
async def test_a_rebuild_killed_at(point: str, system: Settings, postgres_database: Database, tmp_path: Path) -> None:
    admin = postgres_database.superuser_address
    made = await append_conversations(system, 20)
    async with running(serve, system):
        await eventually(lambda: folded(system, admin))
        await damage(admin, made)
        crash_file = tmp_path / "crash"
        crash_file.write_text(point)
        settings = environment(system.model_copy(update={"crash_file": str(crash_file)}))
        replay = await asyncio.create_subprocess_exec(sys.executable, "-m", "relaylog", "replay", env=settings)
        assert await asyncio.wait_for(replay.wait(), 60) == -signal.SIGKILL
        result = await rebuild(system, silent)
        assert (result.resumed > 0) == (point == "rebuild_after_batch")
        assert result.resumed + result.records == 20 * 8
        differing = sum(table.differing or 0 for table in result.tables.values())
        assert differing == (0 if point == "rebuild_after_switch" else 3), "the report says what was wrong before"
    assert (await verify(system, silent)).agrees
    [(state, epoch)] = await rows(admin, "SELECT state, cache_epoch FROM relaylog.generation")
    assert state == "live" and epoch is not None


async def damage(admin: str, made: list[Conversation]) -> None:
    """Alter a row, remove the statuses of a message, and add what the log knows nothing of."""
    for statement in (
        f"UPDATE generation_0001.message SET text = 'altered' WHERE message_id = '{made[0].inbound}' RETURNING 1",
        f"UPDATE generation_0001.message SET statuses = NULL WHERE message_id = '{made[1].outbound}' RETURNING 1",
        "INSERT INTO generation_0001.customer (tenant_id, customer_id) VALUES ('acme', gen_random_uuid()) RETURNING 1",
    ):
        assert await rows(admin, statement)


async def test_verify_names_thread_row_and_field(system: Settings, postgres_database: Database) -> None:
    admin = postgres_database.superuser_address
    made = await append_conversations(system, 5)
    async with running(serve, system):
        await eventually(lambda: folded(system, admin))
    await damage(admin, made)
    result = await verify(system, silent)
    assert result.differing == len(result.differences) == 3
    assert result.threads == 2, "the customers of the first two conversations are one; the foreign row is a customer's"
    [altered] = [d for d in result.differences if d.table == "message" and d.field == "text"]
    assert (altered.key["message_id"], altered.field, altered.found) == (made[0].inbound, "text", "altered")
    assert made[0].inbound in str(altered) and altered.thread in str(altered)
    [missing] = [d for d in result.differences if d.table == "message" and d.field == "statuses"]
    assert missing.found is None and len(missing.expected) == 3 and missing.thread == altered.thread
    [extra] = [d for d in result.differences if d.table == "customer"]
    assert (extra.field, extra.expected) == ("", None)
    repaired = await rebuild(system, silent)
    assert repaired.tables["message"].differing == 2
    assert (await verify(system, silent)).agrees


async def test_repair_rewrites_only_what_differs(system: Settings, postgres_database: Database) -> None:
    admin = postgres_database.superuser_address
    made = await append_conversations(system, 20)
    async with running(serve, system):
        await eventually(lambda: folded(system, admin))
        before = await digests(admin, "generation_0001")
        placed = await rows(admin, PLACES)
        await damage(admin, made)
        growing = asyncio.create_task(append_conversations(system, 20, partition=1, tenant=GLOBEX))
        result = await repair(system, silent)
        await growing
        await eventually(lambda: folded(system, admin))
    assert (result.before.differing, result.rewritten) == (3, 3)
    assert result.after.agrees
    assert (await verify(system, silent)).agrees
    moved = set(placed) - set(await rows(admin, PLACES))
    assert len(moved) == 2, "the altered rows"
    await rows(admin, "DELETE FROM generation_0001.message WHERE tenant_id = 'globex' RETURNING 1")
    assert before["customer"] != (await digests(admin, "generation_0001"))["customer"], "globex is there too"
    assert await rows(admin, "SELECT number FROM relaylog.generation") == [(1,)]


#: Where each row of acme lies: a row that is written again moves.
PLACES = """
SELECT 'message', ctid::text, message_id::text FROM generation_0001.message WHERE tenant_id = 'acme'
UNION ALL SELECT 'customer', ctid::text, customer_id::text FROM generation_0001.customer WHERE tenant_id = 'acme'
"""


async def test_a_repaired_row_is_shown_at_once_and_never_from_the_cache_before(
    system: Settings, postgres_database: Database
) -> None:
    admin = postgres_database.superuser_address
    await register(system, ACME)
    made = await append_conversations(system, 2)
    async with running(serve, system), asking(system) as client:
        await eventually(lambda: folded(system, admin))
        alter = "UPDATE generation_0001.message SET text = %(text)s, revision = revision + 1 WHERE message_id = %(id)s"
        for text in ("altered", "altered again"):
            await rows(admin, alter + " RETURNING 1", {"text": text, "id": made[0].inbound})
        await repair(system, silent)
        await asyncio.sleep(LEASE_SECONDS)
        shown = (await client.get(f"/v1/messages/{made[0].inbound}")).json()
    assert shown["text"].startswith("Question 0")


async def test_a_part_is_rebuilt_by_tenant_and_span(system: Settings, postgres_database: Database) -> None:
    admin = postgres_database.superuser_address
    for partition, tenant in enumerate((ACME, GLOBEX)):
        await append_conversations(system, 6, tenant=tenant, partition=partition)
    alter = "UPDATE generation_0001.message SET text = 'altered' WHERE direction = 'inbound' RETURNING 1"
    left = "SELECT tenant_id, count(*) FROM generation_0001.message WHERE text = 'altered' GROUP BY 1 ORDER BY 1"
    async with running(serve, system):
        await eventually(lambda: folded(system, admin))
        assert len(await rows(admin, alter)) == 12
        [(middle,)] = await rows(
            admin,
            "SELECT min(at)::text FROM api.message WHERE body->>'text' = 'altered' AND at > '2026-11-22 10:00:12Z'",
        )
        early = await replay_part(system, silent, Selection(tenant=ACME, until=middle))
        assert early.rewritten == 2
        assert await rows(admin, left) == [(ACME, 4), (GLOBEX, 6)]
        late = await replay_part(system, silent, Selection(tenant=ACME, since=middle))
        assert late.rewritten == 4
        assert await rows(admin, left) == [(GLOBEX, 6)]
        everywhere = await replay_part(system, silent, Selection(since="2026-01-01T00:00:00Z"))
        assert (everywhere.rewritten, everywhere.after.agrees) == (6, True)
    assert (await verify(system, silent)).agrees


async def test_a_log_without_its_beginning_is_refused(system: Settings, postgres_database: Database) -> None:
    await append_conversations(system, 2)
    await remove_before(system, EVENTS, 3)
    for work in (rebuild, verify):
        with pytest.raises(LogGap, match="events/0 begins at offset 3: offsets 0 to 2 are missing"):
            await work(system, silent)
    assert await rows(postgres_database.superuser_address, "SELECT number FROM relaylog.generation") == [(1,)]


async def test_one_replay_at_a_time(system: Settings) -> None:
    async with exclusive_owner(system):
        with pytest.raises(ReplayRunning):
            await verify(system, silent)
