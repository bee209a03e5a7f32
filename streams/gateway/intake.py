"""The `intake` topic: what other programs produce, checked, translated and appended to `events` or the dead letters."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.errors import InvalidInput
from schemas.intake import translate_intake
from schemas.tenant import ProduceKey, Tenant
from streams.backoff import patiently
from streams.directory import TenantDirectory
from streams.gateway.appender import Appender
from streams.gateway.batch import Batch
from streams.gateway.signatures import hex_signature, is_signed
from streams.health import Progress
from streams.log import LogUnavailable, Record, connection, record
from streams.settings import Settings
from streams.topics import INTAKE, MAX_MESSAGE_BYTES, topic_name

logger = logging.getLogger(__name__)

KEY_ID_HEADER = "relaylog-key-id"
SIGNATURE_HEADER = "relaylog-signature"

#: Few enough that a batch of the largest records fits into memory.
_BATCH_RECORDS = 500
_RETRY_SECONDS = 1.0

Assigned = Mapping[TopicPartition, list[Any]]


class IntakeConsumer:
    """Reads `intake` as a member of a group; an offset is committed only once what became of the record is in the log.

    At least once: after a crash records are translated again, to facts with the same ids.
    """

    def __init__(
        self,
        settings: Settings,
        directory: TenantDirectory,
        appender: Appender,
        progress: Progress,
        clock: Callable[[], str],
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._appender = appender
        self._progress = progress
        self._clock = clock

    async def run(self) -> None:
        """Consume until cancelled; the directory must have been read."""
        consumer = await patiently(self._joined)
        try:
            while True:
                await self._step(consumer)
        finally:
            await consumer.stop()

    async def _joined(self) -> AIOKafkaConsumer:
        consumer = AIOKafkaConsumer(
            topic_name(self._settings, INTAKE),
            **connection(self._settings),
            group_id=self._settings.topic_prefix + INTAKE,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=MAX_MESSAGE_BYTES + 65536,
        )
        try:
            await consumer.start()
        except BaseException:
            await consumer.stop()
            raise
        return consumer

    async def _step(self, consumer: AIOKafkaConsumer) -> None:
        """Take one batch as far as the log, or put the reader back to where it was."""
        try:
            assigned: Assigned = await consumer.getmany(timeout_ms=500, max_records=_BATCH_RECORDS)
            if not assigned:
                self._progress.idle()
                return
            self._progress.lagging()
            try:
                await self._take(assigned)
            except LogUnavailable:
                for partition, records in assigned.items():
                    consumer.seek(partition, records[0].offset)
                await asyncio.sleep(_RETRY_SECONDS)
                return
            await consumer.commit({partition: records[-1].offset + 1 for partition, records in assigned.items()})
            self._progress.advanced()
        except KafkaError as error:
            # A lost partition or coordinator: whoever owns the records next reads them again.
            logger.warning("intake: %s", type(error).__name__)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _take(self, assigned: Assigned) -> None:
        await self._appender.append(*(self._batch(record(raw)) for records in assigned.values() for raw in records))

    def _batch(self, item: Record) -> Batch:
        batch = Batch(f"{INTAKE}/{item.partition}/{item.offset}", "intake", self._clock())
        self._fill(batch, item, item.value or b"")
        return batch

    def _fill(self, batch: Batch, item: Record, value: bytes) -> None:
        try:
            tenant, key = self._key(item)
            _check_signature(item, value, key)
        except InvalidInput as error:
            # Whoever wrote it has not shown whose it is, so it belongs to no tenant.
            batch.add_dead_letter(None, value, "not_signed", str(error))
            return
        try:
            batch.add_fact(tenant, translate_intake(value, tenant, batch.recordedtime), value)
        except InvalidInput as error:
            batch.add_dead_letter(tenant, value, "invalid", str(error))
        except Exception as error:
            # One record must not stop all others; the text of the error may quote it, so only its type is told.
            logger.error("a translation failed", extra={"tenant": tenant.id, "error": type(error).__name__})
            batch.add_dead_letter(tenant, value, "translation_failed", type(error).__name__)

    def _key(self, item: Record) -> tuple[Tenant, ProduceKey]:
        key_id = (item.header(KEY_ID_HEADER) or b"").decode(errors="replace")
        owner = self._directory.by_produce_key(key_id)
        if owner is None:
            raise InvalidInput(f"header {KEY_ID_HEADER}", "the id of a produce key")
        return owner


def _check_signature(item: Record, value: bytes, key: ProduceKey) -> None:
    header = (item.header(SIGNATURE_HEADER) or b"").decode(errors="replace")
    if not is_signed(header, value, [key.secret.get_secret_value().encode()], hex_signature):
        raise InvalidInput(f"header {SIGNATURE_HEADER}", "sha256=<hex HMAC-SHA256 of the value under that key>")
