"""Where the sweep reads: places in the log, each with a duplicate window and with what was read there last."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from agents.context import Reader
from agents.destination import Destination
from agents.facts import Fact
from agents.window import DuplicateWindow
from streams.log import Record

#: Records a read.
BATCH = 500
#: Records looked into in one step of the loop, so that calls under way are never held up for long.
STEP = 100
#: Records kept of what was read last, so that destinations a little apart are fed by one read: a seek costs a fetch.
HELD = 4 * BATCH


@dataclass(slots=True)
class Read:
    """A record that was read, and decoded once somebody asked for it."""

    record: Record
    decoded: bool = False
    fact: Fact | None = None


class Head:
    """One place at which the sweep reads on.

    With ``tenants`` it takes in only their records, which their keys tell: a copy has its original's tenant. So an
    outage's backlog is read without decoding what lies between, and its window holds no more than it must.
    """

    def __init__(self, window: DuplicateWindow, tenants: frozenset[bytes] | None, *, is_live: bool = False) -> None:
        self.window = window
        #: None: all.
        self.tenants = tenants
        #: True: the window is the live stream's, which alone adds to it.
        self.is_live = is_live
        self._held: list[Read] = []
        #: Where the last read found the end of the log.
        self._ended_at: int | None = None

    def serves(self, destination: Destination) -> bool:
        """True when it can go on from the destination's read position."""
        return self.window.covers(destination.read_position) and self.takes(destination)

    def takes(self, destination: Destination) -> bool:
        """True when it takes in what may concern the destination."""
        return self.tenants is None or (destination.key is not None and destination.key[0].encode() in self.tenants)

    def concerns(self, record: Record) -> bool:
        """True when the record has to be looked into."""
        return self.tenants is None or record.key is None or record.key in self.tenants

    def pass_by(self, record: Record, fact: Fact | None) -> None:
        """The reading has come to this record."""
        if self.is_live:
            return
        if self.concerns(record):
            self.window.add(record.offset, record.timestamp, fact.keys if fact else ())
        else:
            self.window.skip(record.offset)

    async def read(self, reader: Reader, position: int) -> tuple[list[Read], int]:
        """Up to BATCH records from ``position``, and how many of them had to be read; none at the end of the log."""
        if not self._holds(position):
            moved = await reader.position() != position
            if moved:
                # A fetch at the end waits for news; whoever has just come back from further down the log must not.
                if position >= (reader.highwater() or 0) and await reader.end_offset() <= position:
                    return [], 0
                reader.seek(position)
            # At the end the client fetches by itself: whoever waits further back in the log must not wait for it.
            timeout = 0 if not moved and self._ended_at == position else 100
            fresh = [Read(record) for record in await reader.read(max_records=BATCH, timeout_ms=timeout)]
            self._ended_at = None if fresh else position
            if not self._held or self._held[-1].record.offset + 1 != position:
                self._held = []
            self._held += fresh
            del self._held[:-HELD]
            return fresh, len(fresh)
        first = bisect_left(self._held, position, key=_offset)
        return self._held[first : first + BATCH], 0

    def _holds(self, position: int) -> bool:
        return bool(self._held) and _offset(self._held[0]) <= position <= _offset(self._held[-1])


def _offset(read: Read) -> int:
    return read.record.offset
