"""What Faust's tables can and cannot do, on a real broker: why the rate table is written the way it is."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from faust.tables import TableManager
from faust.tables.recovery import Recovery

from agents import rate_rows
from agents.app import build_app
from agents.rates import RateTable
from streams.log import LogWriter, connection, log_writer, partition_reader
from streams.provisioning import recreate
from streams.settings import Settings
from streams.topics import EVENTS, RATES, topic_name
from tests.contract.faust.broker import NotingSender, sending
from tests.contract.faust.support import eventually
from tests.unit.streams.samples import make_settings

PARTITIONS = frozenset({0, 1, 2})


def written(partition: int, *names: str, permits: int = 1) -> RateTable:
    """Buckets of one partition, each of which gave that many permits and so has changed."""
    rates = RateTable(lambda: 0.0, lambda _: None)
    for name in names:
        for _ in range(permits):
            rates.bucket(name, partition, 60).take(0.0)
    return rates


def row(permits: int) -> dict[str, float]:
    """What is written of a bucket that gave that many."""
    return {"level": -float(permits), "allowed": 60.0}


async def test_rule_buckets_are_our_own_objects_because_a_table_cannot_be_written_outside_its_stream(
    tmp_path: Path,
) -> None:
    """Rule: permits are taken from buckets in memory, which a timer writes behind. Lanes are not the stream's loop,
    and there ``table[key] = value`` raises."""
    rates = build_app(make_settings(kafka="127.0.0.1:1"), tmp_path).rates

    with pytest.raises(TypeError, match="outside of stream iteration"):
        rates["acme"] = row(1)


async def test_rule_few_rows_wait_at_once_because_a_full_producer_buffer_holds_up_every_event(tmp_path: Path) -> None:
    """Rule: however many buckets change, the rows that wait stay below the size at which Faust's conductor stops to
    hand events to the agent (seen with 400 buckets on a busy machine: the live stream was silent for minutes)."""
    faust_app = build_app(make_settings(kafka="127.0.0.1:1"), tmp_path)
    rates = written(0, *(f"tenant-{number}" for number in range(400)))

    for _ in range(3):
        faust_app.write_behind(rates)

    waiting = cast(Any, faust_app.app.producer).buffer
    assert 0 < waiting.size < waiting.max_messages


@pytest.mark.integration
async def test_rule_written_behind_rows_go_to_the_partition_of_their_tenant(settings: Settings) -> None:
    """Rule: a row's changelog partition is its tenant's, given explicitly, so that it is recovered by whoever gets the
    tenant's events; Faust takes the number as it is."""
    async with sending(settings, NotingSender()) as faust_app:
        faust_app.write_behind(written(2, "acme"))
        faust_app.write_behind(written(0, "globex"))
        await faust_app.app.producer.flush()

        async with asyncio.timeout(60):
            while [await end_of_changelog(settings, partition) for partition in range(3)] != [1, 0, 1]:
                await asyncio.sleep(0.1)


@pytest.mark.integration
async def test_rule_nothing_waits_for_the_changelog_because_faust_throws_its_rows_away_and_waits_for_them(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, taken: list[Any]
) -> None:
    """Rule: the app has a table manager of ours (`agents.table`). Faust's own reads the changelog with the fetcher of
    the events: a fetch from before the rebalance that ends during a recovery brings every partition's records, since
    its set of partitions was emptied meanwhile, and they are thrown away. Then all rows are behind the consumer's
    position, some are missing, and no assignment is ever announced."""
    monkeypatch.setattr("agents.app.Tables", TableManager)
    await write_rows(settings)
    sender = NotingSender()

    async with sending(settings, sender, recovers=False) as faust_app:
        recovery = cast(Any, faust_app.app.tables).recovery
        await eventually(lambda: len(taken) == 3 and recovery.app.flow_control.is_active())
        changelog = {tp: need for tp, need in recovery.active_highwaters.items() if need >= 0}
        positions = {tp: await recovery.app.consumer._thread.position(tp) for tp in changelog}

        assert positions == {tp: need + 1 for tp, need in changelog.items()}
        assert recovery.need_recovery()
        assert sender.calls == []


@pytest.mark.integration
async def test_the_same_fault_keeps_no_partition_from_us(settings: Settings, taken: list[Any]) -> None:
    await write_rows(settings)
    sender = NotingSender()

    async with sending(settings, sender) as faust_app:
        await eventually(lambda: len(taken) == 3 and sender.assigned == PARTITIONS)
        await eventually(lambda: faust_app.recall("acme") == row(5) and faust_app.recall("globex") == row(1))


@pytest.mark.integration
async def test_every_restart_is_told_of_its_partitions_and_finds_the_rows_of_the_one_before(
    settings: Settings,
) -> None:
    """Rule: a worker goes on with the allowances that were learnt, with no file of its own; the last write counts."""
    for permits in range(1, 9):
        sender = NotingSender()
        async with sending(settings, sender) as faust_app:
            await eventually(lambda sender=sender: sender.assigned == PARTITIONS)  # type: ignore[misc]
            if permits > 1:
                last = [row(permits - 1)] * 2
                await eventually(lambda f=faust_app, last=last: [f.recall("acme"), f.recall("globex")] == last)  # type: ignore[misc]
            faust_app.write_behind(written(2, "acme", permits=permits))
            faust_app.write_behind(written(0, "globex", permits=permits))
            await faust_app.app.producer.flush()


@pytest.mark.integration
async def test_every_rebalance_ends_while_rows_are_written(settings: Settings) -> None:
    """Rule: as above for a worker that goes on reading through the rebalance, where the fault was met."""
    first = NotingSender()
    async with sending(settings, first) as one:
        await eventually(lambda: first.assigned == PARTITIONS)
        for _ in range(6):
            second = NotingSender()
            async with sending(settings, second) as two:
                await eventually(lambda second=second: shared(first, second))  # type: ignore[misc]
                for faust_app, sender in ((one, first), (two, second)):
                    for partition in sender.assigned:
                        faust_app.write_behind(written(partition, f"tenant of {partition}"))
                    await faust_app.app.producer.flush()
            await eventually(lambda: first.assigned == PARTITIONS)
        await eventually(lambda: all(one.recall(f"tenant of {partition}") == row(1) for partition in PARTITIONS))


@pytest.mark.integration
async def test_a_changelog_that_lost_its_records_gives_no_rows_and_holds_nobody_up(
    settings: Settings, writer: LogWriter
) -> None:
    """Rule: rows are cheap to lose. The changelog has offsets and no records here."""
    await write_rows(settings)
    await empty_changelog(settings, 2)
    await writer.append(EVENTS, 2, b"{}")
    sender = NotingSender()

    async with sending(settings, sender) as again:
        await eventually(lambda: len(sender.admitted) == 1 and again.recall("globex") == row(1))
        assert again.recall("acme") is None


@pytest.mark.integration
async def test_a_changelog_made_anew_is_written_and_read_on(settings: Settings) -> None:
    """Rule: what an operator does to reset the table, while a sender runs, disturbs that one as little as the next."""
    sender, again = NotingSender(), NotingSender()
    async with sending(settings, sender) as faust_app:
        await eventually(lambda: sender.assigned == PARTITIONS)
        faust_app.write_behind(written(2, "acme"))
        await faust_app.app.producer.flush()
        await recreate(settings, RATES)
        faust_app.write_behind(written(2, "globex"))
        await faust_app.app.producer.flush()
        assert sender.failures == []

    async with sending(settings, again) as faust_app:
        await eventually(lambda: again.assigned == PARTITIONS and faust_app.recall("globex") == row(1))
        assert faust_app.recall("acme") is None


@pytest.mark.integration
async def test_a_changelog_that_is_gone_holds_nobody_up_and_is_said_in_the_end(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: a reset that was broken off half-way is told with the command that completes it; until then we send."""
    monkeypatch.setattr(rate_rows, "LIMIT", 3.0)
    async with admin_client(settings) as admin:
        await admin.delete_topics([topic_name(settings, RATES)])
    sender = NotingSender()

    async with sending(settings, sender, recovers=False):
        await eventually(lambda: sender.assigned == PARTITIONS)
        await eventually(lambda: bool(sender.failures))

    assert "`relaylog topics reset-rates`" in str(sender.failures[0])


async def write_rows(settings: Settings) -> None:
    """What the last owner left: three rows of two buckets in two partitions, written as Faust writes them."""
    rows = ((2, "acme", row(1)), (0, "globex", row(1)), (2, "acme", row(5)))
    async with log_writer(settings) as writer:
        for partition, name, value in rows:
            await writer.append(RATES, partition, json.dumps(value).encode(), key=json.dumps(name).encode())


@pytest.fixture
def taken(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Rows that the rest of a fetch from before the rebalance takes, just when the consumer stands at the first row."""
    taken: list[Any] = []
    seek_offsets, resume_streams = Recovery._seek_offsets, Recovery._resume_streams

    async def seek_and_take(recovery: Recovery, *arguments: Any) -> None:
        await seek_offsets(recovery, *arguments)
        await take_rows(recovery.app, settings, taken)

    async def take_and_resume(recovery: Recovery, **arguments: Any) -> None:
        await take_rows(recovery.app, settings, taken)
        await resume_streams(recovery, **arguments)

    monkeypatch.setattr(Recovery, "_seek_offsets", seek_and_take)
    monkeypatch.setattr(Recovery, "_resume_streams", take_and_resume)
    return taken


async def take_rows(app: Any, settings: Settings, taken: list[Any]) -> None:
    """What is left of such a fetch in the client: it waits for records of no partition, so it takes those of all."""
    thread = app.consumer._thread
    while len(taken) < 3:
        found = await thread.call_thread(thread._consumer._fetcher.fetched_records, set(), timeout=1.0)
        taken += [r for tp, records in found.items() if tp.topic == topic_name(settings, RATES) for r in records]


def shared(one: NotingSender, two: NotingSender) -> bool:
    """Both have partitions, and each partition has one of them."""
    both = one.assigned, two.assigned
    return all(both) and not both[0] & both[1] and both[0] | both[1] == PARTITIONS


async def end_of_changelog(settings: Settings, partition: int) -> int:
    async with partition_reader(settings, RATES, partition) as reader:
        return await reader.end_offset()


async def empty_changelog(settings: Settings, partition: int) -> None:
    """Delete every record of a partition of the changelog, as an operator would with Kafka's own tool."""
    name = topic_name(settings, RATES)
    async with admin_client(settings) as admin:
        await admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name, {"cleanup.policy": "compact,delete"})]
        )
        end = await end_of_changelog(settings, partition)
        await admin.delete_records({TopicPartition(name, partition): RecordsToDelete(before_offset=end)})


@asynccontextmanager
async def admin_client(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**connection(settings))
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()
