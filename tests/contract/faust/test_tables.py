"""What Faust's tables can and cannot do, on a real broker: why the rate table is written the way it is."""

from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from agents.app import build_app
from agents.rates import RateTable
from streams.log import LogWriter, connection, partition_reader
from streams.settings import Settings
from streams.topics import EVENTS, RATES, topic_name
from tests.contract.faust.broker import NotingSender, sending
from tests.contract.faust.support import eventually
from tests.unit.streams.samples import make_settings


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


@pytest.mark.integration
async def test_rule_written_behind_rows_go_to_the_partition_of_their_tenant(settings: Settings) -> None:
    """Rule: a row's changelog partition is its tenant's, given explicitly, so that it is recovered by whoever gets the
    tenant's events; Faust takes the number as it is."""
    async with sending(settings, NotingSender()) as faust_app:
        faust_app.write_behind(written(2, "acme"))
        faust_app.write_behind(written(0, "globex"))
        await faust_app.app.producer.flush()

        assert [await end_of_changelog(settings, partition) for partition in range(3)] == [1, 0, 1]


@pytest.mark.integration
@pytest.mark.integration
async def test_rule_a_lost_changelog_is_harmless_because_a_start_does_not_wait_for_it(
    settings: Settings, writer: LogWriter
) -> None:
    """Rule: when recovery is stuck, an operator may empty the changelog, and buckets start low. A worker whose rows
    are gone from a changelog that has offsets but no records starts all the same."""
    async with sending(settings, NotingSender()) as faust_app:
        faust_app.write_behind(written(1, "acme"))
        await faust_app.app.producer.flush()
    await empty_changelog(settings, 1)
    await writer.append(EVENTS, 1, b"{}")
    sender = NotingSender()

    async with sending(settings, sender) as again:
        await eventually(lambda: len(sender.admitted) == 1)
        assert again.recall("acme") is None


async def end_of_changelog(settings: Settings, partition: int) -> int:
    async with partition_reader(settings, RATES, partition) as reader:
        return await reader.end_offset()


async def empty_changelog(settings: Settings, partition: int) -> None:
    """Delete every record of a partition of the changelog, as an operator would with Kafka's own tool."""
    name = topic_name(settings, RATES)
    admin = AIOKafkaAdminClient(**connection(settings))
    await admin.start()
    try:
        await admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name, {"cleanup.policy": "compact,delete"})]
        )
        end = await end_of_changelog(settings, partition)
        await admin.delete_records({TopicPartition(name, partition): RecordsToDelete(before_offset=end)})
    finally:
        await admin.close()
