"""Each server answers a real client, comes back from SIGKILL with its data, and leaves nothing behind."""

import asyncio
import os
import signal
import stat
from pathlib import Path

import psutil
import psycopg
import pytest
import redis.asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from relaylog.embedded.kafka import MAX_MESSAGE_BYTES, EmbeddedKafka
from relaylog.embedded.ports import free_ports
from relaylog.embedded.postgres import EmbeddedPostgres
from relaylog.embedded.valkey import EmbeddedValkey

from .system import System, eventually, running

pytestmark = pytest.mark.integration


async def kill_and_await_return(system: System, name: str) -> None:
    """SIGKILL the process and wait until the supervisor says that its successor serves."""
    former = system.supervisor.pids[name]
    os.kill(former, signal.SIGKILL)

    async def is_back() -> bool:
        return any(line.startswith(f"{name} is back") for line in system.said)

    await eventually(is_back)
    assert system.reported[name] == system.supervisor.pids[name] != former
    assert any(f"{name} ended with SIGKILL" in line and f"{name}.log" in line for line in system.said)


async def append(address: str, value: bytes) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=address, acks="all", enable_idempotence=True, max_request_size=MAX_MESSAGE_BYTES
    )
    await producer.start()
    try:
        await producer.send_and_wait("facts", value, partition=0)
    finally:
        await producer.stop()


async def read_values(address: str) -> list[bytes]:
    """All of partition 0 of the topic, to its end at the time of the call."""
    consumer = AIOKafkaConsumer(bootstrap_servers=address, max_partition_fetch_bytes=MAX_MESSAGE_BYTES)
    await consumer.start()
    try:
        partition = TopicPartition("facts", 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        end = (await consumer.end_offsets([partition]))[partition]
        values: list[bytes] = []
        async with asyncio.timeout(20):
            while len(values) < end:
                records = await consumer.getmany(partition, timeout_ms=1000)
                values += [record.value for record in records.get(partition, [])]
        return values
    finally:
        await consumer.stop()


@pytest.mark.slow
async def test_kafka_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    kafka = EmbeddedKafka(tmp_path, *free_ports(2))
    largest = b"x" * (8 * 1024 * 1024)
    async with running(tmp_path, kafka) as system:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.address)
        await admin.start()
        await admin.create_topics(
            [NewTopic("facts", 1, 1, topic_configs={"max.message.bytes": str(MAX_MESSAGE_BYTES)})]
        )
        await admin.close()
        await append(kafka.address, b"before")
        await append(kafka.address, largest)
        await kill_and_await_return(system, "kafka")
        await append(kafka.address, b"after")
        assert await read_values(kafka.address) == [b"before", largest, b"after"]
    restarted = EmbeddedKafka(tmp_path, *free_ports(2))
    async with running(tmp_path, restarted):
        assert (await read_values(restarted.address))[-1] == b"after"


async def test_postgres_keeps_what_it_committed(tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(tmp_path, *free_ports(1))
    async with running(tmp_path, postgres) as system:
        await postgres.provision()
        with psycopg.connect(postgres.address) as connection:
            connection.execute("CREATE TABLE fact (id int)")
            connection.execute("INSERT INTO fact VALUES (4711)")
        await kill_and_await_return(system, "postgres")
        with psycopg.connect(postgres.address) as connection:
            assert connection.execute("SELECT id FROM fact").fetchall() == [(4711,)]
    restarted = EmbeddedPostgres(tmp_path, *free_ports(1))
    async with running(tmp_path, restarted):
        await restarted.provision()
        with psycopg.connect(restarted.address) as connection:
            assert connection.execute("SELECT id FROM fact").fetchall() == [(4711,)]


async def test_postgres_roles_have_only_the_rights_they_need(tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(tmp_path, *free_ports(1))
    async with running(tmp_path, postgres):
        await postgres.provision()
        with psycopg.connect(postgres.superuser_address) as connection:
            roles = connection.execute(
                "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolinherit FROM pg_roles "
                "WHERE rolname LIKE 'relaylog%' ORDER BY 1"
            ).fetchall()
        assert roles == [("relaylog", False, False, True, True), ("relaylog_api", False, False, False, False)]
        with psycopg.connect(postgres.query_address) as connection:
            assert connection.execute("SELECT current_user").fetchone() == ("relaylog_api",)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("CREATE TABLE fact (id int)")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(postgres.address, password="wrong")


async def test_valkey_comes_back_empty_and_asks_for_its_password(tmp_path: Path) -> None:
    valkey = EmbeddedValkey(tmp_path, *free_ports(1))
    async with running(tmp_path, valkey) as system:
        async with redis.asyncio.from_url(valkey.address) as client:
            await client.set("key", "value")
            policy = await client.config_get("maxmemory*")
            assert (policy["maxmemory"], policy["maxmemory-policy"]) == (str(256 * 1024 * 1024), "allkeys-lru")
        await kill_and_await_return(system, "redis")
        async with redis.asyncio.from_url(valkey.address) as client:
            assert await client.get("key") is None
        async with redis.asyncio.from_url(valkey.address.replace("redis://:", "redis://:not-")) as client:
            with pytest.raises(redis.exceptions.AuthenticationError):
                await client.ping()


@pytest.mark.slow
async def test_two_systems_side_by_side_and_nothing_left_of_either(tmp_path: Path) -> None:
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    async with running(tmp_path / "one", *all_servers(tmp_path / "one")) as one:
        async with running(tmp_path / "two", *all_servers(tmp_path / "two")) as two:
            assert list(one.supervisor.pids) == list(two.supervisor.pids) == ["kafka", "postgres", "redis"]
            processes = [psutil.Process(pid) for pid in (*one.supervisor.pids.values(), *two.supervisor.pids.values())]
            for process in processes:
                assert {c.laddr.ip for c in process.net_connections("inet") if c.status == "LISTEN"} == {"127.0.0.1"}
            workers = [worker for process in processes for worker in process.children(recursive=True)]
        assert two.supervisor.pids == two.reported == {}
        assert list(one.supervisor.pids) == ["kafka", "postgres", "redis"]
    assert [process for process in (*processes, *workers) if process.is_running()] == []
    assert {process.pid for process in psutil.Process().children(recursive=True)} == before


def all_servers(data: Path) -> tuple[EmbeddedKafka, EmbeddedPostgres, EmbeddedValkey]:
    ports = free_ports(4)
    return EmbeddedKafka(data, *ports[:2]), EmbeddedPostgres(data, ports[2]), EmbeddedValkey(data, ports[3])


def test_passwords_are_kept_for_the_owner_only(tmp_path: Path) -> None:
    def addresses() -> list[str]:
        postgres, valkey = EmbeddedPostgres(tmp_path, 1), EmbeddedValkey(tmp_path, 2)
        valkey.prepare(print)
        return [postgres.address, postgres.query_address, postgres.superuser_address, valkey.address]

    first = addresses()
    for file in (tmp_path / "secrets.json", tmp_path / "valkey" / "valkey.conf"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert addresses() == first
    passwords = {address.split("@")[0].rpartition(":")[2] for address in first}
    assert len(passwords) == 4
    arguments = (*EmbeddedValkey(tmp_path, 2).command().argv, *EmbeddedPostgres(tmp_path, 1).command().argv)
    assert not [argument for argument in arguments for password in passwords if password in argument]
