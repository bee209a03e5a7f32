"""The cache: it saves time, and neither its loss nor whatever it holds makes an answer wrong."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis.asyncio
from prometheus_client import CollectorRegistry
from redis.exceptions import RedisError

from projections.cache_keys import REVISION_DIGITS, cache_key
from projections.query.cache import CHECKED_EVERY, CacheMetrics, CacheReader
from projections.worker.cache import SECONDS_TO_LIVE, CacheWriter
from projections.worker.store import Changed, Rows
from relaylog.embedded.ports import free_ports
from relaylog.embedded.valkey import EmbeddedValkey
from streams.settings import Settings
from streams.topics import EVENTS, OUTCOMES
from tests.conftest import Database, ServerThread
from tests.integration.projections.asking import QueryClient, asking, register
from tests.integration.projections.support import (
    ACME,
    accepted,
    append,
    environment,
    eventually,
    folded,
    message,
    rows,
)
from tests.integration.projections.workers import worker
from tests.seed import chosen_seed

pytestmark = pytest.mark.integration

EPOCH = "11111111-1111-1111-1111-111111111111"


def version(revision: int, id: str = "m") -> tuple[Changed, Rows]:
    key, value = cache_key("", "messages", ACME, id), f'{revision:0{REVISION_DIGITS}d}{{"revision": {revision}}}'
    return Changed([key], EPOCH), [(key, value)]


async def never() -> bytes | None:
    return None


class Reading:
    """A reader under `EPOCH`, and what it has counted."""

    def __init__(self, settings: Settings) -> None:
        self.registry = CollectorRegistry()
        self.reader = CacheReader(settings, self._epoch, metrics=CacheMetrics(self.registry))

    async def _epoch(self) -> str:
        return EPOCH

    async def __call__(self, id: str = "m", stored: bytes | None = None) -> bytes | None:
        async def ask() -> bytes | None:
            return stored

        await self.reader.renew()
        return await self.reader.get("messages", ACME, id, ask)

    def counted(self, name: str, result: str) -> float:
        return self.registry.get_sample_value(f"relaylog_query_cache_{name}_total", {"result": result}) or 0.0


@pytest.fixture
async def reading(settings: Settings) -> AsyncIterator[Reading]:
    made = Reading(settings)
    yield made
    await made.reader.close()


async def test_of_many_writers_the_newest_version_wins(settings: Settings, reading: Reading) -> None:
    dice = random.Random(chosen_seed())
    writers = [CacheWriter(settings) for _ in range(8)]
    versions = [(id, revision) for id in ("a", "b", "c") for revision in range(1, 101)]
    dice.shuffle(versions)

    async def write(writer: CacheWriter, share: list[tuple[str, int]]) -> bool:
        return all([await writer.put(*version(revision, id)) for id, revision in share])

    assert all(await asyncio.gather(*(write(writer, versions[n::8]) for n, writer in enumerate(writers))))
    for id in ("a", "b", "c"):
        assert await reading(id) == b'{"revision": 100}'
    for writer in writers:
        await writer.close()


async def test_what_is_cached_expires(settings: Settings) -> None:
    writer = CacheWriter(settings)
    await writer.put(*version(1))
    async with redis.asyncio.from_url(settings.redis) as client:
        [key] = [key async for key in client.scan_iter(f"{settings.topic_prefix}*")]
        assert 0 < await client.ttl(key) <= SECONDS_TO_LIVE
    await writer.close()


async def test_a_row_about_to_change_is_cached_nowhere(settings: Settings, reading: Reading) -> None:
    writer = CacheWriter(settings)
    assert await writer.put(*version(1))
    assert await reading() == b'{"revision": 1}'
    assert await writer.forget(version(2)[0])
    assert await reading() is None
    await writer.close()


async def test_hits_misses_and_errors_are_counted(settings: Settings, reading: Reading) -> None:
    writer = CacheWriter(settings)
    await writer.put(*version(1))
    assert await reading("m", b"") == b'{"revision": 1}'
    assert await reading("other", b"stored") == b"stored"
    assert (reading.counted("reads", "hit"), reading.counted("reads", "miss")) == (1, 1)
    assert (reading.registry.get_sample_value("relaylog_query_cache_seconds_count") or 0) == 2
    [nobody] = free_ports(1)
    lost = Reading(settings.model_copy(update={"redis": f"redis://127.0.0.1:{nobody}"}))
    assert await lost("m", b"stored") == b"stored"
    assert lost.counted("reads", "error") == 1
    await writer.close()
    await lost.reader.close()


async def test_something_stale_is_found_and_then_distrusted(settings: Settings, reading: Reading) -> None:
    """What nobody of us can have written: an old version under the present keys. Every so many hits are compared."""
    writer = CacheWriter(settings)
    await writer.put(*version(1))
    answers = [await reading("m", b'{"revision": 2}') for _ in range(CHECKED_EVERY + 5)]
    assert answers[CHECKED_EVERY - 1 :] == [b'{"revision": 2}'] * 6
    assert reading.counted("checks", "stale") == 1
    await writer.close()


async def test_a_server_that_comes_back_with_an_older_copy_is_not_believed(
    settings: Settings, server_thread: ServerThread, tmp_path: Path
) -> None:
    server = EmbeddedValkey(tmp_path, *free_ports(1))
    server.name = "redis of its own"
    server_thread.start(server)
    own = settings.model_copy(update={"redis": server.address})
    writer, reading = CacheWriter(own), Reading(own)
    client = redis.asyncio.from_url(server.address)
    try:
        await writer.put(*version(1))
        [key] = [key async for key in client.scan_iter("*")]
        await client.save()
        await writer.put(*version(2))
        assert await reading() == b'{"revision": 2}'
        with suppress(RedisError):
            await client.shutdown(nosave=True)
        await eventually(lambda: _has(client, key))
        assert str(await client.get(key)).endswith("1}'"), "the old copy is there"
        # The reader leaves a server that failed alone for a moment.
        await asyncio.sleep(1.1)
        assert await reading("m", b"stored") == b"stored"
        assert await reading("m", b"stored") == b"stored"
    finally:
        await client.aclose()
        await writer.close()
        await reading.reader.close()
        server_thread.run(server_thread.supervisor.stop(server.name, 10))


async def _has(client: redis.asyncio.Redis, key: bytes) -> bool:
    try:
        return bool(await client.exists(key))
    except (RedisError, OSError):
        return False


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def said(settings: Settings, count: int) -> None:
    await append(
        settings, EVENTS, [message(ACME, f"wamid.{n}", now(), customer=f"4477009{n:05d}") for n in range(count)]
    )


async def hits(client: QueryClient) -> float:
    text = (await client.get("/metrics")).text
    return sum(float(line.split()[-1]) for line in text.splitlines() if 'cache_reads_total{result="hit"}' in line)


async def test_a_worker_that_starts_warms_the_cache(system: Settings, postgres_database: Database) -> None:
    admin = postgres_database.superuser_address
    await register(system, ACME)
    await said(system, 5)
    async with worker(system):
        await eventually(lambda: folded(system, admin))
    before = await rows(admin, "SELECT cache_epoch FROM relaylog.generation")
    async with worker(system), asking(system) as client:
        await eventually(lambda: _changed(admin, before))
        for table in ("message", "conversation"):
            for (id,) in await rows(admin, f"SELECT {table}_id FROM api.{table}"):

                async def shown_from_cache(path: str = f"/v1/{table}s/{id}") -> bool:
                    known = await hits(client)
                    return (await client.get(path)).status_code == 200 and await hits(client) > known

                await eventually(shown_from_cache, 10)


async def _changed(admin: str, before: list[tuple[object, ...]]) -> bool:
    return await rows(admin, "SELECT cache_epoch FROM relaylog.generation") != before


@pytest.mark.parametrize("point", ["project_before_commit", "project_after_commit"])
async def test_a_crash_around_the_commit_leaves_nothing_stale(
    point: str, system: Settings, postgres_database: Database, tmp_path: Path
) -> None:
    """While the worker is down, what the query process shows is what the table holds."""
    admin = postgres_database.superuser_address
    await register(system, ACME)
    await said(system, 1)
    [port] = free_ports(1)
    crash_file = tmp_path / "crash"
    settings = environment(system.model_copy(update={"crash_file": str(crash_file), "project_port": port}))
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "relaylog", "project", env=settings)
    async with asking(system) as client:
        await eventually(lambda: folded(system, admin))
        [(id,)] = await rows(admin, "SELECT message_id::text FROM api.message")
        await eventually(lambda: _hit(client, f"/v1/messages/{id}"), 10)
        crash_file.write_text(point)
        await append(system, OUTCOMES, [accepted(ACME, id, now())])
        assert await asyncio.wait_for(process.wait(), 30) == -signal.SIGKILL
        [(status,)] = await rows(admin, "SELECT body->>'status' FROM api.message")
        assert (await client.get(f"/v1/messages/{id}")).json()["status"] == status
        assert status == ("sent" if point == "project_after_commit" else "pending")


async def _hit(client: QueryClient, path: str) -> bool:
    known = await hits(client)
    return (await client.get(path)).status_code == 200 and await hits(client) > known
