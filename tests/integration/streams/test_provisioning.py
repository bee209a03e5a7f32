"""Provisioning on a real broker: it creates the topic table once and refuses topics that differ from it."""

import pytest

from streams.log import LogUnavailable, LogWriter
from streams.provisioning import TopicMismatch, cluster_id, provision
from streams.settings import Settings
from streams.topics import MAX_MESSAGE_BYTES, TOPICS
from tests.integration.streams.support import read_log
from tests.unit.streams.samples import make_settings

pytestmark = pytest.mark.integration


async def test_topics_are_created_once(kafka_address: str, topic_prefix: str) -> None:
    settings = make_settings(kafka=kafka_address, topic_prefix=topic_prefix)
    assert await provision(settings) == [topic_prefix + topic.name for topic in TOPICS]
    assert await provision(settings) == []


async def test_a_mismatch_names_topic_setting_found_and_expected(settings: Settings) -> None:
    with pytest.raises(TopicMismatch) as caught:
        await provision(settings.model_copy(update={"partitions": 4, "min_insync_replicas": 2}))
    message = str(caught.value)
    assert f"{settings.topic_prefix}events: partitions is 3, expected 4" in message
    assert f"{settings.topic_prefix}tenants: min.insync.replicas is 1, expected 2" in message
    assert f"{settings.topic_prefix}tenants: partitions" not in message


async def test_the_cluster_has_one_id(settings: Settings) -> None:
    assert await cluster_id(settings) == await cluster_id(settings) != ""


async def test_a_broker_that_does_not_answer_is_named() -> None:
    with pytest.raises(LogUnavailable, match=r"127\.0\.0\.1:1"):
        await provision(make_settings(kafka="127.0.0.1:1"))


async def test_a_body_of_the_largest_size_fits_as_a_dead_letter(settings: Settings, writer: LogWriter) -> None:
    value = b"x" * (MAX_MESSAGE_BYTES - 64 * 1024)
    await writer.append("dead-letters", 1, value, headers=[("reason", b"large")])
    (record,) = await read_log(settings, "dead-letters")
    assert record.value == value
