"""Provisioning: creates what the topic table names and verifies what exists, so that a wrong topic stops the start."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from schemas.errors import RelaylogError
from streams.log import LogUnavailable, connection
from streams.settings import Settings
from streams.topics import TOPICS, Topic, topic_name

#: A created topic is known to every broker after at most this long.
_VISIBLE_SECONDS = 15.0


class TopicMismatch(RelaylogError):
    """A topic exists with other settings than the table says.

    The message names each topic and setting, what was found and what was expected.
    """


class CannotProvision(RelaylogError):
    """The broker refused to create a topic."""


async def provision(settings: Settings) -> list[str]:
    """Create the missing topics and verify all of them; returns the full names of those created.

    Raises TopicMismatch (nothing is changed then), CannotProvision, LogUnavailable.
    """
    async with _admin(settings) as admin:
        existing = set(await admin.list_topics())
        await _verify(admin, settings, [t for t in TOPICS if topic_name(settings, t.name) in existing])
        missing = [t for t in TOPICS if topic_name(settings, t.name) not in existing]
        if missing:
            await _create(admin, settings, missing)
            await _until_visible(admin, settings, missing)
            await _verify(admin, settings, missing)
        return [topic_name(settings, t.name) for t in missing]


async def recreate(settings: Settings, name: str) -> None:
    """Delete a topic of the table with every record in it, and create it again, empty.

    Raises CannotProvision when the broker refuses to delete it, and what `provision` raises.
    """
    full_name = topic_name(settings, name)
    async with _admin(settings) as admin:
        if full_name in await admin.list_topics():
            response = await admin.delete_topics([full_name])
            for _, code in response.topic_error_codes:
                if code and for_code(code) is not UnknownTopicOrPartitionError:
                    raise CannotProvision(f"topic {full_name} cannot be deleted: {for_code(code).__name__}")
            async with asyncio.timeout(_VISIBLE_SECONDS):
                while full_name in await admin.list_topics():
                    await asyncio.sleep(0.1)
    await provision(settings)


async def cluster_id(settings: Settings) -> str:
    """Id of the Kafka cluster: a re-created cluster has another, although its topics have the same names."""
    async with _admin(settings) as admin:
        return str((await admin.describe_cluster())["cluster_id"])


@asynccontextmanager
async def _admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**connection(settings))
    try:
        await admin.start()
        yield admin
    except (KafkaError, OSError) as error:
        raise LogUnavailable(f"Kafka at {settings.kafka} does not answer: {error!r}") from error
    finally:
        await admin.close()


async def _create(admin: AIOKafkaAdminClient, settings: Settings, topics: list[Topic]) -> None:
    response = await admin.create_topics(
        [
            NewTopic(
                topic_name(settings, topic.name),
                topic.partition_count(settings),
                settings.replication_factor,
                topic_configs=topic.configs(settings),
            )
            for topic in topics
        ]
    )
    for name, code, message in response.topic_errors:
        # Another process may provision at the same moment.
        if code and for_code(code) is not TopicAlreadyExistsError:
            raise CannotProvision(f"topic {name}: {for_code(code).__name__}: {message}")


async def _until_visible(admin: AIOKafkaAdminClient, settings: Settings, topics: list[Topic]) -> None:
    names = {topic_name(settings, topic.name) for topic in topics}
    async with asyncio.timeout(_VISIBLE_SECONDS):
        while not names <= set(await admin.list_topics()):
            await asyncio.sleep(0.1)


async def _verify(admin: AIOKafkaAdminClient, settings: Settings, topics: list[Topic]) -> None:
    if not topics:
        return
    names = [topic_name(settings, topic.name) for topic in topics]
    partitions = {d["topic"]: len(d["partitions"]) for d in await admin.describe_topics(names)}
    configs = await _configs(admin, names)
    found = [
        mismatch
        for topic, name in zip(topics, names, strict=True)
        for mismatch in _mismatches(topic, settings, partitions[name], configs[name])
    ]
    if found:
        raise TopicMismatch("topics differ from the topic table:\n  " + "\n  ".join(found))


def _mismatches(topic: Topic, settings: Settings, partitions: int, configs: dict[str, str]) -> Iterator[str]:
    name = topic_name(settings, topic.name)
    if partitions != topic.partition_count(settings):
        yield f"{name}: partitions is {partitions}, expected {topic.partition_count(settings)}"
    for key, expected in topic.configs(settings).items():
        if configs.get(key) != expected:
            yield f"{name}: {key} is {configs.get(key)}, expected {expected}"


async def _configs(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    responses: list[Any] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, n) for n in names])
    return {
        name: {entry[0]: entry[1] for entry in entries}
        for response in responses
        for _code, _message, _type, name, entries in response.resources
    }
