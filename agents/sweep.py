"""The sweep.

One reader of ``events`` that feeds every destination that is behind, and answers look-ups of late copies.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.context import Reader
from agents.destination import Destination, State
from agents.facts import Fact
from agents.window import DuplicateWindow
from schemas.envelope import milliseconds_of_time
from streams.log import LogUnavailable, Record

if TYPE_CHECKING:
    from agents.partition import PartitionSender

log = logging.getLogger(__name__)

#: A destination joins the live stream when its read position is at most this far above the stream's.
JOIN_DISTANCE = 2000
BATCH = 500
#: Clocks of sources may run this much ahead of the broker's when a first copy is looked for.
SKEW_MS = 5_000


@dataclass(slots=True)
class _Question:
    fact: Fact
    answer: asyncio.Future[bool]


class Sweep:
    """Reads on from the smallest read position of those that may send and have room.

    Hours of outage cost one number.
    """

    def __init__(self, partition: PartitionSender, reader: Reader) -> None:
        self._partition = partition
        self._context = partition.context
        self._reader = reader
        self._window: DuplicateWindow | None = None
        #: Unread rest of the last batch: a seek costs a fetch.
        self._held: list[Record] = []
        self._work = asyncio.Event()
        self._questions: list[_Question] = []

    def wake(self) -> None:
        """Something may have become possible."""
        self._work.set()

    async def log_end(self) -> int:
        """Offset that the next fact will get."""
        return await self._reader.end_offset()

    async def is_copy(self, fact: Fact) -> bool:
        """True when an earlier record of the partition has a key of ``fact``.

        One scan answers all that ask meanwhile.
        """
        question = _Question(fact, asyncio.get_running_loop().create_future())
        self._questions.append(question)
        self.wake()
        return await question.answer

    async def run(self) -> None:
        """Sweep until the partition is closed; while no broker answers, nothing is read and nothing is lost."""
        while not self._partition.is_closed():
            self._work.clear()
            try:
                await self._turn()
            except LogUnavailable as error:
                log.warning("the sweep waits for Kafka", extra={"reason": str(error)})
                await self._rest(1.0)

    async def _turn(self) -> None:
        if self._questions:
            await self._look_up()
        eligible = self._eligible()
        if eligible:
            await self._step(eligible)
        elif not self._questions:
            # Tenants appear without a word to the sweep, hence the bound.
            await self._rest(1.0)

    async def _rest(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._work.wait(), seconds)
        except TimeoutError:
            return

    def _eligible(self) -> list[Destination]:
        partition = self._partition
        return [d for d in (partition.unseen, *partition.destinations.values()) if self._may_read(d)]

    def _may_read(self, destination: Destination) -> bool:
        if destination.state is not State.BEHIND:
            return False
        if destination.key is None:
            return True
        return destination.takes_more() and self._partition.obstacle(destination.key) is None

    async def _step(self, eligible: list[Destination]) -> None:
        position = min(d.read_position for d in eligible)
        window = await self._window_at(position)
        records = await self._records(position)
        at_end = not records
        if at_end and await self._reader.end_offset() > position:
            return
        end = records[-1].offset + 1 if records else position
        # One step of the loop from here on: nothing else changes a destination in between.
        self._context.metrics.swept.inc(len(records))
        end, blocked = self._feed(eligible, records, window, end)
        for destination in eligible:
            if destination not in blocked and destination.state is State.BEHIND:
                destination.read_position = max(destination.read_position, end)
        if self._meets_live(end, at_end):
            self._join(eligible, blocked, window, end)
        elif at_end:
            await self._rest(0.05)
        else:
            await asyncio.sleep(0)

    def _feed(
        self, eligible: list[Destination], records: list[Record], window: DuplicateWindow, end: int
    ) -> tuple[int, set[Destination]]:
        """Queue what the records demand; returns how far was read, and who has no room for more."""
        blocked: set[Destination] = set()
        for record in records:
            fact = self._partition.decode(record)
            if fact is not None:
                self._partition.sightings.note(fact.event)
            window.add(record.offset, record.timestamp, fact.keys if fact else ())
            self._context.crash("sender_sweeping")
            destination = self._destination_of(fact, eligible)
            if fact is None or destination is None or destination in blocked or destination not in eligible:
                continue
            if self._is_settled(destination, fact, window) or self._partition.queue(destination, fact):
                continue
            blocked.add(destination)
            destination.read_position = fact.offset
            if all(d in blocked for d in eligible if d.key is not None):
                return fact.offset, blocked
        return end, blocked

    def _destination_of(self, fact: Fact | None, eligible: list[Destination]) -> Destination | None:
        if fact is None or fact.destination is None:
            return None
        partition = self._partition
        destination = partition.destinations.get(fact.destination)
        if destination is None:
            if partition.unseen.state is not State.BEHIND or fact.offset < partition.unseen.read_position:
                return None
            destination = partition.discover(fact.destination, fact.offset)
            eligible.append(destination)
        if destination.state is not State.BEHIND or fact.offset < destination.read_position:
            return None
        return destination

    def _is_settled(self, destination: Destination, fact: Fact, window: DuplicateWindow) -> bool:
        assert destination.key is not None
        if destination.holds(fact.offset) or self._partition.ledger.is_finished(destination.key, fact.offset):
            return True
        if window.is_copy(fact.offset, fact.keys):
            self._context.metrics.copies.inc()
            return True
        return False

    def _meets_live(self, end: int, at_end: bool) -> bool:
        """True when the live stream and the sweep are close enough to each other, and both to the end of the log."""
        stream = self._partition.live.agent_next
        if stream is None:
            return at_end
        near_end = end >= (self._reader.highwater() or end) - JOIN_DISTANCE
        return near_end and stream <= end <= stream + JOIN_DISTANCE

    def _join(self, eligible: list[Destination], blocked: set[Destination], window: DuplicateWindow, end: int) -> None:
        live = self._partition.live
        if live.expected is None:
            live.expected = end if live.agent_next is None else live.agent_next
            live.window = window.copy()
        for destination in eligible:
            # With nothing to send, the next delivery is the probe.
            able = destination not in blocked and not (destination.circuit.is_open and destination.queued)
            if able and destination.state is State.BEHIND and destination.read_position >= live.expected:
                destination.go_live()

    async def _records(self, position: int) -> list[Record]:
        """The next batch from ``position``: what is left of the last one, else a read."""
        if self._held and self._held[0].offset <= position <= self._held[-1].offset:
            return self._held[position - self._held[0].offset :]
        if await self._reader.position() != position:
            self._reader.seek(position)
        self._held = await self._reader.read(max_records=BATCH, timeout_ms=100)
        return self._held

    async def _window_at(self, position: int) -> DuplicateWindow:
        """The window, rebuilt when the sweep has gone back (or far forward)."""
        if self._window is not None and self._window.covers(position):
            return self._window
        span = round(self._context.settings.duplicate_window * 1000)
        start = await self._start_of_window(position, span)
        window = DuplicateWindow(start, position, span)
        await self._scan(start, position, window)
        window.end = position
        self._window, self._held = window, []
        return window

    async def _start_of_window(self, position: int, span: int) -> int:
        self._reader.seek(position)
        first = await self._reader.read(max_records=1, timeout_ms=100)
        moment = first[0].timestamp if first else self._context.now()
        found = await self._reader.offset_at(moment - span)
        return position if found is None else min(found, position)

    async def _scan(self, start: int, end: int, window: DuplicateWindow) -> None:
        self._reader.seek(start)
        while await self._reader.position() < end:
            for record in await self._reader.read():
                if record.offset < end:
                    fact = self._partition.decode(record)
                    window.add(record.offset, record.timestamp, fact.keys if fact else ())

    async def _look_up(self) -> None:
        """Answer all questions by one scan from the earliest instant at which a first copy can have been appended."""
        questions = list(self._questions)
        earliest = min(milliseconds_of_time(q.fact.event.time) for q in questions) - SKEW_MS
        end = max(q.fact.offset for q in questions)
        start = await self._reader.offset_at(earliest)
        first: dict[str, int] = {}
        wanted = {key for q in questions for key in q.fact.keys}
        if start is not None and start < end:
            self._reader.seek(start)
            while await self._reader.position() < end:
                for record in await self._reader.read():
                    fact = self._partition.decode(record) if record.offset < end else None
                    for key in wanted.intersection(fact.keys) if fact else ():
                        first.setdefault(key, record.offset)
        self._held = []
        del self._questions[: len(questions)]
        for question in questions:
            copy = any(first.get(key, question.fact.offset) < question.fact.offset for key in question.fact.keys)
            if not question.answer.done():
                question.answer.set_result(copy)
