"""Appending for the gateway: all at once, within the time that a webhook has, by a new producer after a failure."""

from __future__ import annotations

import asyncio
import logging
import time

from streams.backoff import patiently
from streams.gateway.batch import Batch
from streams.gateway.metrics import GatewayMetrics
from streams.log import Entry, LogUnavailable, LogWriter

logger = logging.getLogger(__name__)


class Appender:
    """Appends batches; from a failure until a broker answers again every append fails at once."""

    def __init__(self, writer: LogWriter, timeout: float, metrics: GatewayMetrics) -> None:
        self._writer = writer
        self._timeout = timeout
        self._metrics = metrics
        self._renewal: asyncio.Task[None] | None = None

    async def append(self, *batches: Batch) -> None:
        """Append all records of all batches, wait until they are acknowledged, count them. Raises LogUnavailable."""
        entries = [entry for batch in batches for entry in batch.entries]
        if entries:
            await self._append(entries)
        for batch in batches:
            batch.count(self._metrics)

    async def _append(self, entries: list[Entry]) -> None:
        start = time.perf_counter()
        try:
            await self._writer.append_all(entries, self._timeout)
        except LogUnavailable as error:
            self._metrics.append_failures.inc()
            self._renew(error)
            raise
        self._metrics.append_seconds.observe(time.perf_counter() - start)

    def trouble(self) -> str | None:
        """Why nothing can be appended now; None when it can."""
        return None if self._writer.available else "Kafka does not acknowledge appends"

    async def stop(self) -> None:
        """Stop looking for a broker."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.gather(self._renewal, return_exceptions=True)

    def _renew(self, error: LogUnavailable) -> None:
        if self._renewal is None or self._renewal.done():
            logger.error("appends fail, webhooks are answered 503: %s", error)
            self._renewal = asyncio.create_task(self._renewed(), name="log renewal")

    async def _renewed(self) -> None:
        await patiently(self._writer.renew)
        logger.info("appends work again")
