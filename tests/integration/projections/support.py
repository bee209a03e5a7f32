"""What the tests of the projections share: a migrated database with topics, facts to append, and tables to compare."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from schemas import ids, outcomes
from schemas.envelope import encode, envelope
from schemas.events import Content, Failure, MessageData, MessagePersonal, Person, StatusData, StatusPersonal
from streams.log import LogWriter, partition_reader
from streams.settings import Settings
from streams.topics import DEAD_LETTERS, EVENTS, OUTCOMES, topic_name

ACME, GLOBEX = "acme", "globex"
CHANNEL = "106540352242922"
RECORDED = "2026-11-22T10:00:09.000Z"


class Clock:
    """Canonical times, a second apart."""

    def __init__(self) -> None:
        self._seconds = 0

    def __call__(self) -> str:
        self._seconds += 1
        return (
            f"2026-11-22T{10 + self._seconds // 3600:02d}:{self._seconds // 60 % 60:02d}:{self._seconds % 60:02d}.000Z"
        )


def subject_of(customer: str) -> str:
    return f"subject-{customer}"


def message(
    tenant: str, wamid: str, at: str, *, customer: str = "447700900123", text: str = "Hello", **more: Any
) -> bytes:
    """A message of a customer."""
    data = MessageData(
        channel=CHANNEL,
        customer=f"pseudonym-{customer}",
        direction="inbound",
        kind="text",
        personal=MessagePersonal(
            customer=customer,
            content=Content(kind="text", text=text),
            person=Person(wa_id=customer, name="Ann"),
            whatsapp_id=wamid,
        ),
    )
    return encode(
        envelope(
            id=ids.whatsapp_message_id(tenant, wamid),
            type="message.received",
            source=f"whatsapp/{CHANNEL}",
            time=at,
            recordedtime=more.get("recorded", at),
            data=data,
            tenantid=tenant,
            subject=subject_of(customer),
        )
    )


def composed(
    tenant: str, genesys_id: str, at: str, *, customer: str = "447700900123", text: str = "How can I help?"
) -> bytes:
    """A message of an agent."""
    data = MessageData(
        channel=CHANNEL,
        customer=f"pseudonym-{customer}",
        direction="outbound",
        kind="text",
        personal=MessagePersonal(customer=customer, content=Content(kind="text", text=text)),
        genesys_id=genesys_id,
        author="agent",
    )
    return encode(
        envelope(
            id=ids.genesys_message_id(tenant, genesys_id),
            type="message.composed",
            source="genesys/integration",
            time=at,
            recordedtime=at,
            data=data,
            tenantid=tenant,
            subject=subject_of(customer),
        )
    )


def status(
    tenant: str, message_id: str, kind: str, at: str, *, wamid: str = "wamid.out", part: int = 1, parts: int = 1
) -> bytes:
    """A status of a message that we sent."""
    failure = Failure(code="131047", reason="Re-engagement message") if kind == "failed" else None
    data = StatusData(
        channel=CHANNEL,
        message=message_id,
        part=part,
        parts=parts,
        failure=failure,
        personal=StatusPersonal(whatsapp_id=wamid),
    )
    return encode(
        envelope(
            id=ids.event_id(tenant, "whatsapp", "status", wamid, kind, str(part)),
            type=f"status.{kind}",
            source=f"whatsapp/{CHANNEL}",
            time=at,
            recordedtime=at,
            data=data,
            tenantid=tenant,
        )
    )


def outcome(tenant: str, kind: str, at: str, record: outcomes.DeliveryRecord) -> bytes:
    """A record about a delivery."""
    return encode(
        envelope(
            id=ids.event_id(tenant, "sender", kind, record.delivery, str(record.part), str(record.attempt)),
            type=f"delivery.{kind}",
            source="relaylog/sender",
            time=at,
            recordedtime=at,
            data=record,
            tenantid=tenant,
        )
    )


def accepted(
    tenant: str,
    delivery: str,
    at: str,
    *,
    platform: Any = "genesys",
    remote: str = "gen-1",
    part: int = 1,
    parts: int = 1,
) -> bytes:
    """The platform took it."""
    record = outcomes.Accepted(
        delivery=delivery,
        offset=0,
        term=0,
        platform=platform,
        part=part,
        parts=parts,
        status=202,
        genesys_conversation_id="conversation-1" if platform == "genesys" else None,
        personal=outcomes.RemoteIds(message=remote),
    )
    return outcome(tenant, "accepted", at, record)


class Conversation(NamedTuple):
    """A short conversation as records of both topics, with the ids of its messages."""

    events: list[bytes]
    outcomes: list[bytes]
    inbound: str
    outbound: str


def conversation(tenant: str, number: int, clock: Clock, customer: str) -> Conversation:
    """The customer asks, Genesys takes it, an agent answers, WhatsApp takes, delivers and shows it."""
    wamid, genesys_id = f"wamid.{number}", f"genesys-{number}"
    inbound, outbound = ids.whatsapp_message_id(tenant, wamid), ids.genesys_message_id(tenant, genesys_id)
    out = f"wamid.out.{number}"
    events = [
        message(tenant, wamid, clock(), customer=customer, text=f"Question {number}\twith a tab, a \\ and\na line"),
        composed(tenant, genesys_id, clock(), customer=customer),
        *(status(tenant, outbound, kind, clock(), wamid=out) for kind in ("sent", "delivered", "read")),
    ]
    attempted = outcomes.Attempted(delivery=inbound, offset=0, platform="genesys", term=0, digest="0" * 16)
    results = [
        outcome(tenant, "attempted", clock(), attempted),
        accepted(tenant, inbound, clock(), remote=f"taken-{number}"),
        accepted(tenant, outbound, clock(), platform="whatsapp", remote=out),
    ]
    return Conversation(events, results, inbound, outbound)


async def append(
    settings: Settings, topic: str, values: Iterable[bytes | None], *, partition: int = 0, tenant: str = ACME
) -> None:
    """Append records in order."""
    writer = LogWriter(settings)
    await writer.start()
    try:
        futures = [await writer.enqueue(topic, partition, value, key=tenant.encode()) for value in values]
        await asyncio.gather(*futures)
    finally:
        await writer.stop()


async def append_conversations(
    settings: Settings, count: int, *, tenant: str = ACME, partition: int = 0
) -> list[Conversation]:
    """Append short conversations of ``count // 2 + 1`` customers."""
    clock = Clock()
    made = [conversation(tenant, n, clock, f"44770090{n // 2:04d}") for n in range(count)]
    await append(settings, EVENTS, (v for c in made for v in c.events), partition=partition, tenant=tenant)
    await append(settings, OUTCOMES, (v for c in made for v in c.outcomes), partition=partition, tenant=tenant)
    return made


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 30.0) -> None:
    """Wait until ``condition`` holds; fails after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.05)


@asynccontextmanager
async def running(
    serve: Callable[[Settings, asyncio.Event], Awaitable[None]], settings: Settings
) -> AsyncIterator[asyncio.Task[None]]:
    """A process's composition root as a task, stopped at the end of the block; its error, if any, is raised there."""
    stop = asyncio.Event()
    task = asyncio.ensure_future(serve(settings, stop))
    try:
        yield task
    finally:
        stop.set()
        with suppress(asyncio.CancelledError):
            await task


def environment(settings: Settings) -> dict[str, str]:
    """For a process of `relaylog` with these settings."""
    values = settings.model_dump()
    secret = {name: settings.master_key.get_secret_value() for name in ("master_key",)}
    names = (
        *("kafka", "topic_prefix", "partitions", "postgres", "postgres_query", "redis", "project_port"),
        *("batch_records", "crash_file"),
    )
    shown = {name: str(values[name]) for name in names}
    return {f"RELAYLOG_{name.upper()}": value for name, value in {**shown, **secret}.items()}


async def rows(address: str, query: str, arguments: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """Rows as a superuser sees them, or whoever ``address`` names."""
    async with await psycopg.AsyncConnection.connect(address, options="-c timezone=UTC") as connection:
        return await (await connection.execute(query.encode(), arguments)).fetchall()


async def execute(address: str, text: str) -> None:
    """Run statements that give no rows."""
    async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
        await connection.execute(text.encode())


TABLES = (
    *("message", "remote_id", "receipt", "attempt", "conversation", "genesys_conversation"),
    *("conversation_event", "participant", "conversation_field", "customer", "customer_alias", "customer_link"),
    *("customer_field", "context_version", "dead_letter"),
)


async def digests(address: str, schema: str) -> dict[str, tuple[int, str]]:
    """Rows and digest of every table of a generation, revisions left out."""
    found = {}
    async with await psycopg.AsyncConnection.connect(address, options="-c timezone=UTC") as connection:
        for table in TABLES:
            text = sql.SQL("SELECT (to_jsonb(t) - 'revision')::text FROM {} t ORDER BY 1").format(
                sql.Identifier(schema, table)
            )
            lines = [line for (line,) in await (await connection.execute(text)).fetchall()]
            found[table] = (len(lines), hashlib.sha256("\n".join(lines).encode()).hexdigest())
    return found


async def folded(settings: Settings, admin: str) -> bool:
    """Whether the live tables hold all that the topics do."""
    position = await rows(
        admin,
        "SELECT topic, partition, next_offset FROM relaylog.position p "
        "JOIN relaylog.generation g ON g.number = p.generation WHERE g.state = 'live'",
    )
    ends = await log_ends(settings)
    return {(topic, partition): offset for topic, partition, offset in position} == ends


async def log_ends(settings: Settings) -> dict[tuple[str, int], int]:
    """End of every partition that is projected, by full topic name."""
    found = {}
    for topic in (EVENTS, OUTCOMES, DEAD_LETTERS):
        for partition in range(settings.partitions):
            async with partition_reader(settings, topic, partition) as reader:
                found[topic_name(settings, topic), partition] = await reader.end_offset()
    return found
