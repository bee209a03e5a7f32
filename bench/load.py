"""A log to fold: 40 % messages, 60 % statuses, about 1 KB each, over 2,000 threads of 8 tenants."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas import ids
from schemas.envelope import canonical_time, encode, envelope
from schemas.events import Content, MessageData, MessagePersonal, Part, Person, StatusData, StatusPersonal
from streams.log import LogWriter
from streams.settings import Settings
from streams.topics import EVENTS

CHANNEL = "106540352242922"
_TENANTS, _THREADS = 8, 2000
_START = datetime(2026, 11, 22, 8, tzinfo=UTC)
_TEXT = "Thank you, the parcel is with the carrier and will be at your door tomorrow between nine and twelve."


def events(count: int) -> Iterator[tuple[str, bytes]]:
    """Tenant and value of each record: a question, its answer and three statuses of the answer, over and over."""
    for number in range(count // 5):
        thread = number * 7919 % _THREADS
        tenant = f"tenant-{thread % _TENANTS}"
        at = _START + timedelta(milliseconds=200 * number)
        question = f"wamid.HBgMNDQ3NzAwOTAwMTIzFQIAEhgU{number:08d}"
        answer = ids.genesys_message_id(tenant, f"{number:032x}")
        sent = f"wamid.HBgMNDQ3NzAwOTAwMTIzFQIAERgS{number:08d}"
        yield (
            tenant,
            _message(tenant, thread, "inbound", ids.whatsapp_message_id(tenant, question), question, number, at),
        )
        yield tenant, _message(tenant, thread, "outbound", answer, None, number, at + timedelta(seconds=30))
        for step, kind in enumerate(("sent", "delivered", "read")):
            yield tenant, _status(tenant, thread, kind, answer, sent, at + timedelta(seconds=31 + step))


def _message(tenant: str, thread: int, direction: Any, id: str, wamid: str | None, number: int, at: datetime) -> bytes:
    customer = f"4477009{thread:05d}"
    original = {"from": customer, "id": wamid or id, "timestamp": "1763805600", "type": "text", "text": {"body": _TEXT}}
    data = MessageData(
        channel=CHANNEL,
        customer=f"pseudonym-{thread:012d}",
        direction=direction,
        kind="text",
        personal=MessagePersonal(
            customer=customer,
            content=Content(kind="text", text=f"{_TEXT} {number}"),
            person=Person(wa_id=customer, name=f"Customer {thread}") if direction == "inbound" else Person(),
            whatsapp_id=wamid,
            original=original,
        ),
        genesys_id=None if wamid else f"{number:032x}",
    )
    type = "message.received" if direction == "inbound" else "message.composed"
    return _record(id, type, tenant, thread, at, data)


def _status(tenant: str, thread: int, kind: str, message: str, wamid: str, at: datetime) -> bytes:
    original = {
        "id": wamid,
        "status": kind,
        "timestamp": "1763805600",
        "recipient_id": f"4477009{thread:05d}",
        "biz_opaque_callback_data": "1." + "x" * 100,
        "pricing": {"billable": True, "pricing_model": "PMP", "category": "service", "type": "free_customer_service"},
    }
    data = StatusData(
        channel=CHANNEL,
        message=message,
        customer=f"pseudonym-{thread:012d}",
        personal=StatusPersonal(whatsapp_id=wamid, original=original),
    )
    id = ids.event_id(tenant, "whatsapp", "status", wamid, kind)
    return _record(id, f"status.{kind}", tenant, thread, at, data)


def _record(id: str, type: str, tenant: str, thread: int, at: datetime, data: Part) -> bytes:
    return encode(
        envelope(
            id=id,
            type=type,
            source=f"whatsapp/{CHANNEL}",
            time=canonical_time(at),
            recordedtime=canonical_time(at + timedelta(milliseconds=250)),
            data=data,
            tenantid=tenant,
            subject=f"subject-{thread:014d}",
            correlationid=id,
        )
    )


async def preload(settings: Settings, count: int) -> float:
    """Append ``count`` events, each tenant's on its partition; returns their mean size in bytes."""
    writer = LogWriter(settings)
    await writer.start()
    size = 0
    pending: list[asyncio.Future[Any]] = []
    try:
        for tenant, value in events(count):
            partition = int(tenant.rpartition("-")[2]) % settings.partitions
            pending.append(await writer.enqueue(EVENTS, partition, value, key=tenant.encode()))
            size += len(value)
            if len(pending) == 2000:
                await asyncio.gather(*pending)
                pending.clear()
        await asyncio.gather(*pending)
    finally:
        await writer.stop()
    return size / count
