"""Writing to ``outcomes``: every record names its author and its term, and goes to the partition of its fact."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from agents.context import SenderContext
from agents.known_end import KnownEnd
from schemas.envelope import Envelope, encode, envelope, time_of_milliseconds
from schemas.outcomes import DeliveryRecord
from streams.log import Appended, settled
from streams.topics import OUTCOMES


class OutcomeWriter:
    """Appends one partition's outcome records in the order of the calls."""

    def __init__(self, context: SenderContext, partition: int) -> None:
        self._context = context
        self._partition = partition
        self._source = f"relaylog/sender/{context.sender}"
        #: What was appended about deliveries and not yet read back, by record id.
        self._unread: dict[bytes, tuple[Envelope, DeliveryRecord]] = {}
        self._unacknowledged: set[asyncio.Future[Any]] = set()
        self.known_end = KnownEnd()

    async def append(self, type_: str, data: msgspec.Struct, cause: Envelope | None = None) -> Appended:
        """Append and wait for the acknowledgement. Raises LogUnavailable: the sender must stop then."""
        _, future = await self.enqueue(type_, data, cause)
        return await settled(future)

    async def enqueue(
        self, type_: str, data: msgspec.Struct, cause: Envelope | None = None, tenant: str | None = None
    ) -> tuple[str, asyncio.Future[Any]]:
        """Queue a record; returns its id and the future of its append, whose failure ends the process."""
        moment = time_of_milliseconds(self._context.now())
        event = envelope(
            id=f"{self._context.sender}:{self._partition}:{next(self._context.serial)}",
            type=type_,
            source=self._source,
            time=moment,
            recordedtime=moment,
            data=data,
            tenantid=cause.tenantid if cause else tenant,
            subject=cause.subject if cause else None,
            causationid=cause.id if cause else None,
            correlationid=cause.correlationid if cause else None,
        )
        id_ = event.id.encode()
        if isinstance(data, DeliveryRecord):
            self._unread[id_] = (event, data)
        future = await self._context.writer.enqueue(
            OUTCOMES,
            self._partition,
            encode(event),
            key=event.tenantid.encode() if event.tenantid else None,
            headers=(("type", type_.encode()), ("id", id_)),
        )
        self._unacknowledged.add(future)
        future.add_done_callback(self._watch)
        return event.id, future

    def read_back(self, id_: bytes | None) -> tuple[Envelope, DeliveryRecord] | None:
        """What this writer appended under that id, for the tail, which need not decode it then; once."""
        return self._unread.pop(id_, None) if id_ is not None else None

    async def acknowledged(self, timeout: float) -> None:
        """Wait until everything queued so far is in the log, or ``timeout`` seconds are over."""
        if self._unacknowledged:
            await asyncio.wait(self._unacknowledged, timeout=timeout)

    def _watch(self, future: asyncio.Future[Any]) -> None:
        self._unacknowledged.discard(future)
        if future.cancelled():
            return
        if (error := future.exception()) is not None:
            self._context.fatal(error)
        else:
            self.known_end.acknowledged(future.result().offset)
