"""The log: awaited appends and reading by offset, the only way in which relaylog touches a topic outside Faust."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from schemas.errors import RelaylogError
from streams.settings import Settings
from streams.topics import MAX_MESSAGE_BYTES, topic_name

Headers = Sequence[tuple[str, bytes]]

logger = logging.getLogger(__name__)

#: What a reader asks for at once.
FETCH_BYTES = 512 * 1024
#: An idempotent producer never gives a record up, so stopping it while no broker answers would wait for ever.
STOP_SECONDS = 5.0


class LogUnavailable(RelaylogError):
    """No broker answered. After a failed append it is unknown whether the record is in the log."""


class OffsetGone(RelaylogError):
    """Retention has removed what was to be read: the log begins later."""


@dataclass(frozen=True, slots=True)
class Appended:
    """Where a record is in the log."""

    partition: int
    offset: int
    #: Unix milliseconds by the broker's clock.
    timestamp: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A record to append; ``topic`` is a name of the topic table, without prefix."""

    topic: str
    partition: int
    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()


class Record(msgspec.Struct, frozen=True):
    """A record as read; a struct, because it is made for each one, and a dataclass takes eight times as long."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    def header(self, name: str) -> bytes | None:
        """Value of the first header with that name."""
        for key, value in self.headers:
            if key == name:
                return value
        return None


def connection(settings: Settings) -> dict[str, Any]:
    """Arguments that every Kafka client of ours shares."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.kafka,
        "security_protocol": settings.kafka_security_protocol,
    }
    if settings.kafka_security_protocol.endswith("SSL"):
        arguments["ssl_context"] = ssl.create_default_context(cafile=settings.kafka_ca_file or None)
    if settings.kafka_security_protocol.startswith("SASL"):
        arguments["sasl_mechanism"] = settings.kafka_sasl_mechanism
        arguments["sasl_plain_username"] = settings.kafka_username
        arguments["sasl_plain_password"] = settings.kafka_password.get_secret_value()
    return arguments


async def _connect(client: AIOKafkaProducer | AIOKafkaConsumer, settings: Settings) -> None:
    try:
        await client.start()
    except BaseException as error:
        # A start that is broken off leaves its tasks running, too.
        await client.stop()
        if isinstance(error, KafkaError | OSError):
            raise LogUnavailable(f"no Kafka broker answers at {settings.kafka}: {error}") from error
        raise


class LogWriter:
    """Awaited, idempotent appends with ``acks=all``; one a process.

    A record may be appended twice only by two calls, never by a retry inside one (idempotent producer).
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._renewal = asyncio.Lock()
        #: Replaced producers that still wait for a broker to take what they hold.
        self._replaced: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Connect. Raises LogUnavailable when no broker answers."""
        # 64 KiB batches: with the default of 16 KiB concurrent appends collapse to a third.
        producer = AIOKafkaProducer(
            **connection(self._settings),
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=65536,
            max_request_size=MAX_MESSAGE_BYTES,
        )
        await _connect(producer, self._settings)
        self._producer = producer

    async def stop(self) -> None:
        """Flush and disconnect; what no broker takes within STOP_SECONDS is left unsent."""
        self._replace()
        if self._replaced:
            _, waiting = await asyncio.wait(self._replaced, timeout=STOP_SECONDS)
            for task in waiting:
                logger.warning("no broker took the last appends within %s s, they are left unsent", STOP_SECONDS)
                task.cancel()

    @property
    def available(self) -> bool:
        """False from a failed append until a broker answers again."""
        return self._producer is not None

    def _replace(self) -> None:
        """Let go of the producer; it flushes by itself as soon as a broker answers."""
        if self._producer is not None:
            producer, self._producer = self._producer, None
            task = asyncio.create_task(producer.stop())
            self._replaced.add(task)
            task.add_done_callback(self._closed)

    def _closed(self, task: asyncio.Task[None]) -> None:
        self._replaced.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.warning("a replaced producer was closed with an error: %r", error)

    async def append_all(self, entries: Sequence[Entry], timeout: float) -> list[Appended]:
        """Append all records at once and wait for every acknowledgement; those of one partition keep their order.

        Raises LogUnavailable when one fails, or not all are acknowledged within ``timeout`` seconds: then each of them
        may be in the log, or come into it later.
        """
        futures: list[asyncio.Future[Any]] = []
        try:
            async with asyncio.timeout(timeout):
                for e in entries:
                    futures.append(await self.enqueue(e.topic, e.partition, e.value, key=e.key, headers=e.headers))
                return [await settled(future) for future in futures]
        except TimeoutError as error:
            raise LogUnavailable(f"no acknowledgement within {timeout} s") from error
        finally:
            for future in futures:
                _forget(future)

    async def append(
        self, topic: str, partition: int, value: bytes | None, *, key: bytes | None = None, headers: Headers = ()
    ) -> Appended:
        """Append one record and wait for the broker's acknowledgement.

        ``topic`` is a name of the topic table, without prefix. Raises LogUnavailable when the append ends in an error:
        a sender must stop then, the gateway answers 503 and calls `renew`.
        """
        future = await self.enqueue(topic, partition, value, key=key, headers=headers)
        return await settled(future)

    async def enqueue(
        self, topic: str, partition: int, value: bytes | None, *, key: bytes | None = None, headers: Headers = ()
    ) -> asyncio.Future[Any]:
        """Queue one record, after those queued before it for the partition. Await with `settled`."""
        if self._producer is None:
            raise LogUnavailable("the log is not open")
        try:
            future: asyncio.Future[Any] = await self._producer.send(
                topic_name(self._settings, topic), value=value, key=key, partition=partition, headers=list(headers)
            )
        except (KafkaError, OSError) as error:
            raise LogUnavailable(f"append to {topic}/{partition} failed: {error!r}") from error
        return future

    async def renew(self) -> None:
        """Replace the producer after a failed append: an idempotent producer in doubt stays in doubt.

        Until it returns every append raises LogUnavailable at once. What the old producer holds may still be appended.
        """
        if self._renewal.locked():
            return
        async with self._renewal:
            self._replace()
            await self.start()


def _forget(future: asyncio.Future[Any]) -> None:
    """Nobody awaits it any more; its outcome is not an error of the loop."""
    if not future.cancel() and not future.cancelled():
        future.exception()


async def settled(future: asyncio.Future[Any]) -> Appended:
    """Wait for an enqueued append. Raises LogUnavailable when it failed."""
    try:
        metadata = await future
    except (KafkaError, OSError) as error:
        raise LogUnavailable(f"append failed: {error!r}") from error
    return Appended(metadata.partition, metadata.offset, metadata.timestamp)


async def started_consumer(settings: Settings) -> AIOKafkaConsumer:
    """A consumer in no group, connected, to which nothing is assigned. Raises LogUnavailable."""
    consumer = AIOKafkaConsumer(
        **connection(settings),
        enable_auto_commit=False,
        auto_offset_reset="none",
        # A batch that is larger comes whole all the same; and a seek throws away what was fetched.
        max_partition_fetch_bytes=FETCH_BYTES,
    )
    await _connect(consumer, settings)
    return consumer


class PartitionReader:
    """Reads one partition by explicit offset, in no consumer group; commits nothing.

    Questions about offsets raise LogUnavailable while no broker answers; `read` then returns nothing.
    """

    def __init__(self, settings: Settings, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        self._settings = settings
        self._tp = TopicPartition(topic_name(settings, topic), partition)
        self._consumer: AIOKafkaConsumer | None = None

    async def start(self) -> None:
        """Connect and assign; call `seek` before the first `read`. Raises LogUnavailable when no broker answers."""
        consumer = await started_consumer(self._settings)
        consumer.assign([self._tp])
        self._consumer = consumer

    async def stop(self) -> None:
        """Disconnect."""
        if self._consumer is not None:
            consumer, self._consumer = self._consumer, None
            await consumer.stop()

    @property
    def _open(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise LogUnavailable(f"the reader of {self.topic}/{self.partition} is not open")
        return self._consumer

    def seek(self, offset: int) -> None:
        """Read from ``offset`` on."""
        self._open.seek(self._tp, offset)

    def follow(self, offset: int) -> None:
        """Read from ``offset`` on and never seek again."""
        self.seek(offset)

    async def position(self) -> int:
        """Offset of the next record that `read` returns."""
        return int(await self._open.position(self._tp))

    async def start_offset(self) -> int:
        """Offset of the oldest record that the topic still has."""
        return int((await self._asked(self._open.beginning_offsets([self._tp])))[self._tp])

    async def end_offset(self) -> int:
        """Offset that the next appended record will get."""
        return int((await self._asked(self._open.end_offsets([self._tp])))[self._tp])

    def highwater(self) -> int | None:
        """End of the log as of the last fetch, without asking; None before the first."""
        known = self._open.highwater(self._tp)
        return None if known is None else int(known)

    async def offset_at(self, timestamp: int) -> int | None:
        """First offset appended at or after ``timestamp`` (Unix milliseconds); None when there is none."""
        found = (await self._asked(self._open.offsets_for_times({self._tp: max(0, timestamp)})))[self._tp]
        return None if found is None else int(found.offset)

    async def read(self, max_records: int = 1000, timeout_ms: int = 500) -> list[Record]:
        """The next records in order; an empty list when none came within ``timeout_ms``.

        Raises OffsetGone when the log begins after the position.
        """
        try:
            batches: Mapping[TopicPartition, list[Any]] = await self._open.getmany(
                self._tp, timeout_ms=timeout_ms, max_records=max_records
            )
        except OffsetOutOfRangeError as error:
            raise OffsetGone(f"{self.topic}/{self.partition}: the log begins after the position") from error
        return [record(r) for r in batches.get(self._tp, ())]

    async def _asked(self, question: Awaitable[Any]) -> Any:
        try:
            return await question
        except (KafkaError, OSError) as error:
            raise LogUnavailable(f"{self.topic}/{self.partition}: the broker did not answer: {error!r}") from error

    async def read_range(self, start: int, end: int) -> AsyncIterator[Record]:
        """Every record with ``start <= offset < end``."""
        self.seek(start)
        while await self.position() < end:
            for item in await self.read():
                if item.offset < end:
                    yield item


def record(raw: Any) -> Record:
    """A client's record as ours."""
    return Record(raw.partition, raw.offset, raw.timestamp, raw.key, raw.value, raw.headers)


@asynccontextmanager
async def partition_reader(settings: Settings, topic: str, partition: int) -> AsyncIterator[PartitionReader]:
    """A started reader that is stopped at the end of the block."""
    reader = PartitionReader(settings, topic, partition)
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()


@asynccontextmanager
async def log_writer(settings: Settings) -> AsyncIterator[LogWriter]:
    """A started writer that is flushed and stopped at the end of the block. Raises LogUnavailable."""
    writer = LogWriter(settings)
    await writer.start()
    try:
        yield writer
    finally:
        await writer.stop()
