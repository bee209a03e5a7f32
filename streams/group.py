"""Reads several topics as a member of a consumer group, from positions that the caller names; commits nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError

from streams.log import LogUnavailable, connection
from streams.settings import Settings
from streams.topics import MAX_MESSAGE_BYTES, topic_name

#: (topic without prefix, partition)
Partition = tuple[str, int]

_SESSION_TIMEOUT_MS = 10_000
_HEARTBEAT_MS = 1_000
#: A batch that waits for a database may take long; heartbeats go on meanwhile.
_MAX_POLL_INTERVAL_MS = 600_000


class GroupReader:
    """A member of a group that gets partitions of equal number of all its topics (range assignor).

    New partitions stay silent until the caller has named a position for each: `seek`, then `resume`.
    """

    def __init__(self, settings: Settings, group: str, topics: Sequence[str], instance: str | None = None) -> None:
        """``instance``: a name that the process keeps over restarts; after a crash it gets its partitions back at once.

        Two living processes must not share it: the one that joined first is thrown out.
        """
        self._settings = settings
        self._names = {topic_name(settings, topic): topic for topic in topics}
        self._group = settings.topic_prefix + group
        self._instance = instance
        self._consumer: AIOKafkaConsumer | None = None
        self._changed = asyncio.Event()

    async def start(self) -> None:
        """Join the group. Raises LogUnavailable when no broker answers."""
        consumer = AIOKafkaConsumer(
            **connection(self._settings),
            group_id=self._group,
            group_instance_id=self._instance,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            partition_assignment_strategy=[RangePartitionAssignor],
            session_timeout_ms=_SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=_HEARTBEAT_MS,
            max_poll_interval_ms=_MAX_POLL_INTERVAL_MS,
            max_partition_fetch_bytes=MAX_MESSAGE_BYTES + 65536,
        )
        consumer.subscribe(list(self._names), listener=_Listener(consumer, self._changed))
        try:
            await consumer.start()
        except (KafkaError, OSError) as error:
            await consumer.stop()
            raise LogUnavailable(f"cannot join the group {self._group}: {error!r}") from error
        self._consumer = consumer

    async def stop(self) -> None:
        """Leave."""
        if self._consumer is not None:
            consumer, self._consumer = self._consumer, None
            await consumer.stop()

    @property
    def _open(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise LogUnavailable(f"the reader of the group {self._group} is not open")
        return self._consumer

    def take_change(self) -> bool:
        """True once after each change of the assignment: every partition of it is paused and needs a position."""
        changed = self._changed.is_set()
        self._changed.clear()
        return changed

    def assignment(self) -> list[Partition]:
        """The partitions that are this member's now."""
        return sorted((self._names[tp.topic], tp.partition) for tp in self._open.assignment())

    async def bounds(self, partitions: Iterable[Partition]) -> dict[Partition, tuple[int, int]]:
        """Offset of the oldest record and of the next one to be appended, by partition. Raises LogUnavailable."""
        tps = {partition: self._tp(partition) for partition in partitions}
        try:
            first = await self._open.beginning_offsets(list(tps.values()))
            end = await self._open.end_offsets(list(tps.values()))
        except KafkaError as error:
            raise LogUnavailable(f"offsets cannot be read: {error!r}") from error
        return {partition: (int(first[tp]), int(end[tp])) for partition, tp in tps.items()}

    def highwater(self, partition: Partition) -> int | None:
        """Offset of the next record to be appended, as of the last fetch; None before the first."""
        tp = self._tp(partition)
        known = self._open.highwater(tp) if tp in self._open.assignment() else None
        return None if known is None else int(known)

    def seek(self, partition: Partition, offset: int) -> None:
        """Read the partition from ``offset`` on. Raises LogUnavailable when it is not this member's any more."""
        try:
            self._open.seek(self._tp(partition), offset)
        except KafkaError as error:
            raise LogUnavailable(f"{partition}: {error!r}") from error

    def resume(self, partitions: Iterable[Partition]) -> None:
        """Let the partitions be read. Raises LogUnavailable when one is not this member's any more."""
        try:
            self._open.resume(*map(self._tp, partitions))
        except KafkaError as error:
            raise LogUnavailable(f"the assignment changed: {error!r}") from error

    async def read(self, max_records: int, timeout_ms: int) -> dict[Partition, list[Any]]:
        """The next records of each partition, in order; nothing when none came in time.

        A record has ``offset``, ``timestamp``, ``key``, ``value`` and ``headers``; it is the client's own, since
        to wrap each would cost as much as to read it. Raises LogUnavailable.
        """
        try:
            batches = await self._open.getmany(timeout_ms=timeout_ms, max_records=max_records)
        except KafkaError as error:
            raise LogUnavailable(f"the group {self._group} cannot be read: {error!r}") from error
        return {(self._names[tp.topic], tp.partition): records for tp, records in batches.items()}

    def _tp(self, partition: Partition) -> TopicPartition:
        topic, number = partition
        return TopicPartition(topic_name(self._settings, topic), number)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Pauses what comes in before anything of it is fetched."""

    def __init__(self, consumer: AIOKafkaConsumer, changed: asyncio.Event) -> None:
        self._consumer = consumer
        self._changed = changed

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Nothing: what is under way commits or is fenced, as the positions in the store decide."""

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Pause, and tell the reader's owner."""
        partitions = list(assigned)
        if partitions:
            self._consumer.pause(*partitions)
        self._changed.set()
