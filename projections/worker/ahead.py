"""Reading ahead: the next batch is read, folded and made into rows while the database commits the one before."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from projections.worker.batch import Batch, Folded, folding
from streams.group import GroupReader

_READ_TIMEOUT_MS = 200


class ReadAhead:
    """At most one batch ahead. What was read and not taken is forgotten by `discard`; a seek brings it again."""

    def __init__(self, reader: GroupReader, max_records: int) -> None:
        self._reader = reader
        self._max_records = max_records
        self._next: asyncio.Task[tuple[Batch, Folded]] | None = None

    async def take(self) -> tuple[Batch, Folded]:
        """The next batch, empty when nothing came in time; the one behind it is begun.

        Raises what reading and folding raise: LogUnavailable, UnknownEventVersion.
        """
        begun, self._next = self._next or asyncio.create_task(self._read()), None
        try:
            batch = await begun
        except asyncio.CancelledError:
            begun.cancel()
            raise
        self._next = asyncio.create_task(self._read())
        return batch

    async def discard(self) -> None:
        """Forget what was read ahead; to be called before every seek."""
        begun, self._next = self._next, None
        if begun is not None:
            begun.cancel()
            # Whatever it found wrong is found again when the same records are read again.
            with suppress(asyncio.CancelledError, Exception):
                await begun

    async def _read(self) -> tuple[Batch, Folded]:
        batch = await self._reader.read(self._max_records, _READ_TIMEOUT_MS)
        folded = Folded(0)
        for folded in folding(batch):  # noqa: B007 - the last is what counts
            # The database's answers come in between, so that it need not wait for its next statement.
            await asyncio.sleep(0)
        for _ in folded.making_rows():
            await asyncio.sleep(0)
        return batch, folded
