"""The rows of the rate table that the last owner of a partition left: read beside the takeover, which never waits."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any

from agents.context import Reader
from schemas.errors import RelaylogError
from streams.log import LogUnavailable, Record
from streams.settings import Settings
from streams.topics import RATES, topic_name

log = logging.getLogger(__name__)

#: Rows are written each second by every bucket in use and compacted much later: the newest are enough.
NEWEST = 10_000
#: So long may a partition's rows take.
LIMIT = 60.0
#: Milliseconds without a row until there is none.
SILENCE_MS = 5_000
#: Seconds until the next try after a broker did not answer.
PAUSE = 1.0


class RateRowsStuck(RelaylogError):
    """The rate table was not recovered in time; the message says how to reset it."""


class RateRows:
    """Reads the rows of newly assigned partitions into ``rows``, the Faust table's own mapping.

    A bucket made before its row is there starts as if there were none: empty, with the allowance of the settings.
    """

    def __init__(
        self,
        settings: Settings,
        reader: Callable[[str, int], Reader],
        rows: MutableMapping[str, Any],
        fatal: Callable[[BaseException], None],
    ) -> None:
        self._settings = settings
        self._reader = reader
        self._rows = rows
        self._fatal = fatal
        self._reading: dict[int, asyncio.Task[None]] = {}

    def assign(self, numbers: Iterable[int]) -> None:
        """After a rebalance: begin to read for what is new, stop reading for what went. Never waits."""
        assigned = set(numbers)
        for number in self._reading.keys() - assigned:
            self._reading.pop(number).cancel()
        for number in assigned - self._reading.keys():
            self._reading[number] = asyncio.get_running_loop().create_task(self._recover(number))

    async def stop(self) -> None:
        """Read no more."""
        for task in self._reading.values():
            task.cancel()
        await asyncio.gather(*self._reading.values(), return_exceptions=True)

    async def _recover(self, number: int) -> None:
        reason = "the broker did not answer"
        started = time.monotonic()
        try:
            async with asyncio.timeout(LIMIT):
                while True:
                    try:
                        found = await self._read(number)
                        break
                    except LogUnavailable as error:
                        reason = str(error)
                    await asyncio.sleep(PAUSE)
        except TimeoutError:
            self._fatal(stuck(self._settings, f"the rows of partition {number} were not read: {reason}", LIMIT))
            return
        log.info(
            "rates recovered",
            extra={"partition": number, "rows": found, "seconds": round(time.monotonic() - started, 3)},
        )

    async def _read(self, number: int) -> int:
        """The newest rows of the partition; how many. What is found empty or undecodable is left out."""
        reader, found = self._reader(RATES, number), 0
        try:
            await reader.start()
            start, end = await reader.start_offset(), await reader.end_offset()
            reader.seek(max(start, end - NEWEST))
            # Compaction may have left nothing between here and the end: an empty answer ends it as well.
            while await reader.position() < end and (records := await reader.read(timeout_ms=SILENCE_MS)):
                found += sum(map(self._take, records))
        finally:
            await reader.stop()
        return found

    def _take(self, record: Record) -> bool:
        try:
            name, row = json.loads(record.key or b""), json.loads(record.value or b"")
            self._rows[str(name)] = {"level": float(row["level"]), "allowed": float(row["allowed"])}
        except (ValueError, KeyError, TypeError):
            return False
        return True


def stuck(settings: Settings, what: str, seconds: float) -> RateRowsStuck:
    """The error of a table that is not recovered, with the command that resets it."""
    return RateRowsStuck(
        f"the rate table {topic_name(settings, RATES)} is not recovered after {seconds:.0f} s: {what}; should a new "
        "start not help, run `relaylog topics reset-rates` (harmless: rates are then learnt anew)"
    )
