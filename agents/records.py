"""Writing to ``outcomes``: every record names its author and its term, and goes to the partition of its fact."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import msgspec

from agents.context import SenderContext
from schemas.envelope import Envelope, encode, envelope, time_of_milliseconds
from streams.log import Appended, settled
from streams.topics import OUTCOMES


class OutcomeWriter:
    """Appends one partition's outcome records in the order of the calls."""

    def __init__(self, context: SenderContext, partition: int) -> None:
        self._context = context
        self._partition = partition
        self._serial = itertools.count(1)

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
            id=f"{self._context.sender}:{self._partition}:{next(self._serial)}",
            type=type_,
            source=f"relaylog/sender/{self._context.sender}",
            time=moment,
            recordedtime=moment,
            data=data,
            tenantid=cause.tenantid if cause else tenant,
            subject=cause.subject if cause else None,
            causationid=cause.id if cause else None,
            correlationid=cause.correlationid if cause else None,
        )
        future = await self._context.writer.enqueue(
            OUTCOMES,
            self._partition,
            encode(event),
            key=event.tenantid.encode() if event.tenantid else None,
            headers=(("type", type_.encode()), ("id", event.id.encode())),
        )
        future.add_done_callback(self._watch)
        return event.id, future

    def _watch(self, future: asyncio.Future[Any]) -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            self._context.fatal(error)
