"""The yardstick of the projection: a bare loop that reads, decodes, folds three views, merges and moves a position.

No row-level security, no timeline, no ids of both platforms, no set-aside of bad records, no metrics.
"""

from __future__ import annotations

import time
import uuid
from collections import Counter
from typing import Any

import msgspec
import psycopg
from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.settings import Settings
from streams.topics import EVENTS, topic_name

_TABLES = """
CREATE TABLE message (tenant_id text, message_id uuid, conversation text, customer text, channel text, direction text,
    kind text, body text, at timestamptz, rank integer, status_at timestamptz, recorded_at timestamptz, event_id uuid,
    seq bigint,
    PRIMARY KEY (tenant_id, message_id));
CREATE INDEX ON message (tenant_id, conversation, at);
CREATE TABLE conversation (tenant_id text, conversation text, customer text, messages bigint, statuses bigint,
    last_at timestamptz, PRIMARY KEY (tenant_id, conversation));
CREATE TABLE analytics (tenant_id text, hour text, type text, n bigint, PRIMARY KEY (tenant_id, hour, type));
CREATE TABLE position (partition integer PRIMARY KEY, next_offset bigint, epoch uuid);
CREATE TEMP TABLE stage_message (LIKE message) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE stage_conversation (LIKE conversation) ON COMMIT DELETE ROWS;
"""
_MERGE_MESSAGE = """
INSERT INTO message AS m SELECT * FROM stage_message ON CONFLICT (tenant_id, message_id) DO UPDATE SET
    conversation = coalesce(m.conversation, excluded.conversation), customer = coalesce(m.customer, excluded.customer),
    channel = coalesce(m.channel, excluded.channel), direction = coalesce(m.direction, excluded.direction),
    kind = coalesce(m.kind, excluded.kind), body = coalesce(m.body, excluded.body), at = coalesce(m.at, excluded.at),
    rank = greatest(m.rank, excluded.rank), status_at = greatest(m.status_at, excluded.status_at),
    recorded_at = greatest(m.recorded_at, excluded.recorded_at), seq = greatest(m.seq, excluded.seq)
"""
_MERGE_CONVERSATION = """
INSERT INTO conversation AS c SELECT * FROM stage_conversation ON CONFLICT (tenant_id, conversation) DO UPDATE SET
    messages = c.messages + excluded.messages, statuses = c.statuses + excluded.statuses,
    last_at = greatest(c.last_at, excluded.last_at)
"""
_MERGE_ANALYTICS = """
INSERT INTO analytics AS a SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[])
ON CONFLICT (tenant_id, hour, type) DO UPDATE SET n = a.n + excluded.n
"""
_RANKS = {"status.sent": 1, "status.delivered": 2, "status.read": 3}


class _Content(msgspec.Struct, gc=False, frozen=True):
    text: str = ""


class _Personal(msgspec.Struct, gc=False, frozen=True):
    content: _Content = _Content()


class _Data(msgspec.Struct, gc=False):
    channel: str
    customer: str
    direction: str | None = None
    kind: str | None = None
    message: str | None = None
    personal: _Personal = _Personal()


class _Event(msgspec.Struct, gc=False):
    id: str
    type: str
    time: str
    recordedtime: str
    tenantid: str
    subject: str
    data: _Data


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


class _Folded:
    """Three views of a batch."""

    def __init__(self) -> None:
        self.messages: dict[tuple[str, str], list[Any]] = {}
        self.conversations: dict[tuple[str, str], list[Any]] = {}
        self.analytics: Counter[tuple[str, str, str]] = Counter()

    def add(self, event: _Event, offset: int) -> None:
        data = event.data
        status = data.message is not None
        key = (event.tenantid, data.message or event.id)
        row = self.messages.get(key)
        if row is None:
            row = self.messages[key] = [
                event.subject,
                data.customer,
                data.channel,
                *[None] * 4,
                0,
                None,
                "",
                event.id,
                0,
            ]
        if status:
            row[7] = max(row[7], _RANKS[event.type])
            row[8] = event.time if row[8] is None or row[8] < event.time else row[8]
        else:
            row[3:7] = [data.direction, data.kind, data.personal.content.text, event.time]
        row[9] = max(row[9], event.recordedtime)
        row[11] = max(row[11], offset)
        thread = self.conversations.setdefault((event.tenantid, event.subject), [data.customer, 0, 0, ""])
        thread[2 if status else 1] += 1
        thread[3] = max(thread[3], event.time)
        self.analytics[event.tenantid, event.time[:13], event.type] += 1

    def message_block(self) -> str:
        lines = []
        for (tenant, id), row in self.messages.items():
            body = None if row[5] is None else _escaped(row[5])
            values = [tenant, id, *row[:5], body, *row[6:]]
            lines.append("\t".join(["\\N" if value is None else str(value) for value in values]))
        return "\n".join(lines) + "\n"

    def conversation_block(self) -> str:
        rows = ((*key, *row) for key, row in self.conversations.items())
        return "\n".join("\t".join(map(str, row)) for row in rows) + "\n"


async def fold_all(settings: Settings, postgres: str, count: int) -> float:
    """Fold ``count`` events from offset 0 on into empty tables; returns events a second."""
    tps = [TopicPartition(topic_name(settings, EVENTS), number) for number in range(settings.partitions)]
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka, enable_auto_commit=False)
    await consumer.start()
    connection = await psycopg.AsyncConnection.connect(postgres, autocommit=True)
    epoch = uuid.uuid4()
    async with connection:
        await connection.execute(_TABLES.encode())
        for tp in tps:
            await connection.execute("INSERT INTO position VALUES (%s, 0, %s)", [tp.partition, epoch])
        consumer.assign(tps)
        for tp in tps:
            consumer.seek(tp, 0)
        decode = msgspec.json.Decoder(_Event).decode
        positions, done, started = dict.fromkeys(tps, 0), 0, time.perf_counter()
        while done < count:
            batches = await consumer.getmany(timeout_ms=1000, max_records=settings.batch_records)
            folded = _Folded()
            for records in batches.values():
                for record in records:
                    folded.add(decode(record.value), record.offset)
                done += len(records)
            ends = {tp: records[-1].offset + 1 for tp, records in batches.items()}
            await _write(connection, folded, positions, ends, epoch)
            positions.update(ends)
        seconds = time.perf_counter() - started
    await consumer.stop()
    return count / seconds


async def _write(
    connection: psycopg.AsyncConnection[Any],
    folded: _Folded,
    positions: dict[Any, int],
    ends: dict[Any, int],
    epoch: uuid.UUID,
) -> None:
    async with connection.transaction(), connection.cursor() as cursor:
        async with cursor.copy("COPY stage_message FROM STDIN") as copy:
            await copy.write(folded.message_block())
        await cursor.execute(_MERGE_MESSAGE.encode())
        async with cursor.copy("COPY stage_conversation FROM STDIN") as copy:
            await copy.write(folded.conversation_block())
        await cursor.execute(_MERGE_CONVERSATION.encode())
        columns = [list(column) for column in zip(*folded.analytics, strict=True)]
        await cursor.execute(_MERGE_ANALYTICS.encode(), [*columns, list(folded.analytics.values())])
        for tp, end in ends.items():
            moved = await cursor.execute(
                "UPDATE position SET next_offset = %s WHERE partition = %s AND next_offset = %s AND epoch = %s",
                [end, tp.partition, positions[tp], epoch],
            )
            assert moved.rowcount == 1
