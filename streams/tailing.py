"""Following the ends of many partitions over one consumer, so that each fetch brings what all of them have.

A fetch costs as much for one record as for fifty. With a consumer each, partitions on which little happens at a time
cost a fetch for nearly every record.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from streams.log import LogUnavailable, OffsetGone, PartitionReader, Record, record, started_consumer
from streams.settings import Settings
from streams.topics import topic_name

#: So much of a partition may lie unread before no more of it is fetched.
UNREAD = 1000
#: Seconds between two fetches: nobody waits for what they bring, and one that brings more costs no more.
PACE = 0.01


class PartitionTail:
    """What the shared consumer has brought of one partition and nobody has read yet: UNREAD records and one fetch."""

    def __init__(self, position: int, resume: Callable[[], None]) -> None:
        self._position = position
        self._resume = resume
        self._unread: deque[Record] = deque()
        self._is_paused = False
        self._error: Exception | None = None
        self._news = asyncio.Event()

    def bring(self, fetched: list[Any]) -> bool:
        """Keep a fetch for the reader; False when the next one has to wait until this is read."""
        for raw in fetched:
            if raw.offset >= self._position:
                self._unread.append(record(raw))
                self._position = raw.offset + 1
        self._is_paused = len(self._unread) >= UNREAD
        self._news.set()
        return not self._is_paused

    def fail(self, error: Exception) -> None:
        """There will be no more: once all is read, the reader gets ``error``."""
        self._error = error
        self._news.set()

    async def read(self, max_records: int, timeout: float) -> list[Record]:
        """The next records in order; none when none came within ``timeout`` seconds. Raises what `fail` was given."""
        if not self._unread and self._error is None:
            self._news.clear()
            try:
                async with asyncio.timeout(timeout):
                    await self._news.wait()
            except TimeoutError:
                return []
        if not self._unread and self._error is not None:
            raise self._error
        read = [self._unread.popleft() for _ in range(min(max_records, len(self._unread)))]
        if self._is_paused and not self._unread:
            self._is_paused = False
            self._resume()
        return read


class TopicTail:
    """Follows any partitions of one topic over one consumer, to which all of them are assigned once and for all.

    Those that nobody follows are paused: what joins or leaves so costs the others nothing.
    """

    def __init__(self, settings: Settings, topic: str) -> None:
        self.topic = topic
        self._settings = settings
        self._name = topic_name(settings, topic)
        self._consumer: AIOKafkaConsumer | None = None
        self._starting = asyncio.Lock()
        self._tails: dict[TopicPartition, PartitionTail] = {}
        self._error: Exception | None = None
        self._pump: asyncio.Task[None] | None = None

    async def join(self, partition: int, position: int) -> PartitionTail:
        """Follow a partition from ``position`` on; who followed it before gets nothing more. Raises LogUnavailable."""
        consumer, tp = await self._started(), TopicPartition(self._name, partition)
        tail = self._tails[tp] = PartitionTail(position, lambda: consumer.resume(tp))
        if self._error is not None:
            tail.fail(self._error)
        consumer.seek(tp, position)
        consumer.resume(tp)
        return tail

    def leave(self, partition: int, tail: PartitionTail) -> None:
        """Follow it no longer, unless somebody else has joined meanwhile."""
        tp = TopicPartition(self._name, partition)
        if self._consumer is not None and self._tails.get(tp) is tail:
            del self._tails[tp]
            self._consumer.pause(tp)

    async def stop(self) -> None:
        """Disconnect."""
        if self._pump is not None:
            self._pump.cancel()
        if self._consumer is not None:
            consumer, self._consumer = self._consumer, None
            await consumer.stop()

    async def _started(self) -> AIOKafkaConsumer:
        async with self._starting:
            if self._consumer is None:
                consumer = await started_consumer(self._settings)
                partitions = [TopicPartition(self._name, number) for number in range(self._settings.partitions)]
                consumer.assign(partitions)
                for tp in partitions:
                    # Without a position it would be asked for, paused or not.
                    consumer.seek(tp, 0)
                consumer.pause(*partitions)
                self._consumer = consumer
                self._pump = asyncio.get_running_loop().create_task(self._bring(consumer))
            return self._consumer

    async def _bring(self, consumer: AIOKafkaConsumer) -> None:
        try:
            while True:
                for tp, fetched in (await consumer.getmany(timeout_ms=1000)).items():
                    tail = self._tails.get(tp)
                    if tail is not None and not tail.bring(fetched):
                        consumer.pause(tp)
                await asyncio.sleep(PACE)
        except OffsetOutOfRangeError as error:
            self._fail(OffsetGone(f"{self._name}: the log begins after the position: {error}"))
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._error = error
        for tail in self._tails.values():
            tail.fail(error)


class TailReader(PartitionReader):
    """Reads one partition over a consumer of its own until it has caught up with what it follows, then with others."""

    def __init__(self, settings: Settings, partition: int, shared: TopicTail) -> None:
        super().__init__(settings, shared.topic, partition)
        self._shared = shared
        self._follows = False
        self._tail: PartitionTail | None = None

    def follow(self, offset: int) -> None:
        """Read from ``offset`` on and never seek again."""
        super().follow(offset)
        self._follows = True

    async def read(self, max_records: int = 1000, timeout_ms: int = 500) -> list[Record]:
        """The next records in order; an empty list when none came within ``timeout_ms``.

        Raises OffsetGone when the log begins after the position.
        """
        if self._tail is not None:
            return await self._tail.read(max_records, timeout_ms / 1000)
        records = await super().read(max_records, timeout_ms)
        if self._follows and (position := await self.position()) == self.highwater():
            await self._join(position)
        return records

    async def stop(self) -> None:
        """Disconnect."""
        if self._tail is not None:
            self._shared.leave(self.partition, self._tail)
        await super().stop()

    async def _join(self, position: int) -> None:
        try:
            self._tail = await self._shared.join(self.partition, position)
        except LogUnavailable:
            # Its own consumer, which has just caught up, goes on.
            return
        await super().stop()
