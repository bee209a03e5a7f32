"""The few facts that are told through the query API: appended to the log like any other, before anything shows them."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from schemas.envelope import Envelope, encode
from schemas.tenant import Tenant
from streams.log import Entry, LogUnavailable, LogWriter
from streams.settings import Settings
from streams.topics import EVENTS

logger = logging.getLogger(__name__)


class FactLog:
    """Appends facts; connects at the first one, and anew after a failure."""

    def __init__(self, settings: Settings) -> None:
        self._writer = LogWriter(settings)
        self._timeout = settings.append_timeout
        self._connecting = asyncio.Lock()
        self._renewal: asyncio.Task[None] | None = None

    async def append(self, tenant: Tenant, fact: Envelope) -> None:
        """Append to the tenant's partition and wait for the acknowledgement. Raises LogUnavailable."""
        async with self._connecting:
            if not self._writer.available:
                await self._writer.renew()
        headers = [("type", fact.type.encode()), ("id", fact.id.encode())]
        entry = Entry(EVENTS, tenant.partition, encode(fact), key=tenant.id.encode(), headers=headers)
        try:
            await self._writer.append_all([entry], self._timeout)
        except LogUnavailable as error:
            logger.error("a fact could not be appended: %s", error)
            if self._renewal is None or self._renewal.done():
                self._renewal = asyncio.create_task(self._renew(), name="log renewal")
            raise

    async def _renew(self) -> None:
        # While nobody answers the writer stays without a producer, and the next append tries again.
        with suppress(LogUnavailable):
            await self._writer.renew()

    async def stop(self) -> None:
        """Disconnect."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.gather(self._renewal, return_exceptions=True)
        await self._writer.stop()
