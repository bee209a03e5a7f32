"""The sweep: one reader of ``events`` that feeds every destination that is behind, and looks for late copies."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from agents.context import Reader
from agents.destination import Destination, State
from agents.facts import Fact
from agents.heads import BATCH, HELD, STEP, Head, Read
from agents.late_copies import LateCopies
from agents.waiting import set_within
from agents.window import DuplicateWindow
from streams.log import LogUnavailable, OffsetGone, Record

if TYPE_CHECKING:
    from agents.partition import PartitionSender

log = logging.getLogger(__name__)

#: A destination joins the live stream when its read position is at most this far above the stream's.
JOIN_DISTANCE = 2000
#: Records read at one place while others wait elsewhere in the log.
QUANTUM = 5000
#: Places at which the sweep can read on without building a window anew.
HEADS = 4
#: Seconds until the sweep looks again though nobody has woken it: tenants appear without a word to it.
LONGEST_REST = 1.0


class Sweep:
    """Reads on for those that may send and have room, from the smallest read position, taking turns between places.

    Hours of outage cost one number. What lies above the start of the live stream's window is decided by that window.
    """

    def __init__(self, partition: PartitionSender, reader: Reader) -> None:
        self._partition = partition
        self._context = partition.context
        self._reader = reader
        #: The one used last is the last.
        self._heads: list[Head] = []
        #: Reads what the live stream has passed already.
        self._near: Head | None = None
        #: Where the last step ended, and how much was read around there.
        self._reached = 0
        self._passed = 0
        self._work = asyncio.Event()
        self.late_copies = LateCopies(partition.decode, self.wake)

    def wake(self) -> None:
        """Something may have become possible."""
        self._work.set()

    async def log_end(self) -> int:
        """Offset that the next fact will get."""
        return await self._reader.end_offset()

    async def run(self) -> None:
        """Sweep until the partition is closed; while no broker answers, nothing is read and nothing is lost."""
        while not self._partition.is_closed():
            self._work.clear()
            try:
                await self._turn()
            except LogUnavailable as error:
                log.warning("the sweep waits for Kafka", extra={"reason": str(error)})
                await self._rest(1.0)
            except OffsetGone:
                # Retention overtook a reader that was far behind; the others of the partition go on.
                self._heads, self._near = [], None
                self.late_copies.begin_anew()
                self._partition.log_begins(await self._reader.start_offset())

    async def _turn(self) -> None:
        if self.late_copies.asked:
            self._context.metrics.swept.inc(await self.late_copies.search(self._reader))
        eligible = self._eligible()
        if eligible:
            await self._step(eligible)
        elif not self.late_copies.asked:
            self._forget_heads()
            await self._rest(LONGEST_REST)

    async def _rest(self, seconds: float) -> None:
        await set_within(self._work, seconds)

    def _forget_heads(self) -> None:
        """Keep only those at which somebody waits."""
        behind = [d for d in self._partition.destinations.values() if d.state is State.BEHIND]
        self._heads = [head for head in self._heads if any(head.serves(d) for d in behind)]
        self._near = self._near if behind else None

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
        chosen = self._next(eligible)
        position = chosen.read_position
        head = await self._head_for(chosen)
        reads: list[Read] = []
        if not (head.is_live and position == self._partition.live.expected):
            reads, fresh = await head.read(self._reader, position)
            self._context.metrics.swept.inc(fresh)
        at_end = not reads
        if at_end:
            # It is the turn of those further back, while the live stream is still on its way to the end.
            self._passed = QUANTUM
        if at_end and not head.is_live and await self._reader.end_offset() > position:
            return
        if not self._still_serves(head, position):
            return
        # One step of the loop from here on: nothing else changes a destination in between.
        served = {d for d in eligible if d.read_position >= position and head.takes(d)}
        end, blocked = self._feed(served, reads, head, position)
        self._reached, self._passed = end, self._passed + end - position
        for destination in served - blocked:
            if destination.state is State.BEHIND:
                destination.read_position = max(destination.read_position, end)
        if self._meets_live(head, end, at_end):
            self._join(served - blocked, head, end)
        if at_end and chosen.state is State.BEHIND and min(d.read_position for d in eligible) >= position:
            # Who has caught up with the live stream is woken by what it brings.
            await self._rest(LONGEST_REST if self._partition.live.expected == position else 0.05)
        else:
            await asyncio.sleep(0)

    def _still_serves(self, head: Head, position: int) -> bool:
        """False when the live stream went on, or got lost, while the sweep read: its window no longer tells."""
        return head.window.covers(position) and (not head.is_live or head.window is self._partition.live.window)

    def _next(self, eligible: list[Destination]) -> Destination:
        """Whose turn it is: the first one where the sweep reads, and after a while the first one further on."""
        around = [d for d in eligible if abs(d.read_position - self._reached) <= HELD]
        if around and self._passed < QUANTUM:
            return min(around, key=_read_position)
        self._passed = 0
        ahead = [d for d in eligible if d.read_position > self._reached + HELD]
        return min(ahead or eligible, key=_read_position)

    def _feed(
        self, served: set[Destination], reads: list[Read], head: Head, position: int
    ) -> tuple[int, set[Destination]]:
        """Queue what the records demand; returns how far was read, and who has no room for more."""
        blocked: set[Destination] = set()
        looked, limit = 0, self._partition.live.expected if head.is_live else None
        end, needed_from = position, _needed_from(served, head.window.end)
        for read in reads:
            record = read.record
            if looked == STEP or (limit is not None and record.offset >= limit):
                break
            end = record.offset + 1
            if not head.concerns(record):
                head.pass_by(record, None)
                continue
            if record.offset < needed_from(record.key):
                # On the way back for somebody else: it was looked into when the sweep came by.
                continue
            looked += 1
            fact = self._fact(read)
            head.pass_by(record, fact)
            self._context.crash("sender_sweeping")
            destination = self._destination_of(fact, served)
            if fact is None or destination is None or destination in blocked or destination not in served:
                continue
            if self._is_settled(destination, fact, head.window) or self._partition.queue(destination, fact):
                continue
            blocked.add(destination)
            destination.read_position = fact.offset
            if all(d in blocked for d in served if d.key is not None):
                return fact.offset, blocked
        return end, blocked

    def _fact(self, read: Read) -> Fact | None:
        if not read.decoded:
            read.fact, read.decoded = self._partition.decode(read.record), True
            if read.fact is not None:
                self._partition.hear(read.fact)
        return read.fact

    def _destination_of(self, fact: Fact | None, served: set[Destination]) -> Destination | None:
        if fact is None or fact.destination is None:
            return None
        partition = self._partition
        destination = partition.destinations.get(fact.destination)
        if destination is None:
            if partition.unseen not in served or partition.unseen.state is not State.BEHIND:
                return None
            if fact.offset < partition.unseen.read_position:
                return None
            destination = partition.discover(fact.destination, fact.offset)
            served.add(destination)
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

    def _meets_live(self, head: Head, end: int, at_end: bool) -> bool:
        """True when the live stream and the sweep are close enough to each other, and both to the end of the log."""
        live = self._partition.live
        if head.is_live:
            return head.window is live.window and end == live.expected
        if live.agent_next is None:
            return at_end
        near_end = end >= (self._reader.highwater() or end) - JOIN_DISTANCE
        return near_end and live.agent_next <= end <= live.agent_next + JOIN_DISTANCE

    def _join(self, able: set[Destination], head: Head, end: int) -> None:
        live = self._partition.live
        if live.expected is None:
            if head.tenants is not None:
                return
            live.expected = end if live.agent_next is None else live.agent_next
            live.window = head.window.copy()
        for destination in able:
            # With nothing to send, the next delivery is the probe.
            waits = (destination.circuit.is_open and destination.queued) or destination.passes_some_over
            if not waits and destination.state is State.BEHIND and destination.read_position >= live.expected:
                destination.go_live()
                self._context.crash("sender_joining")

    async def _head_for(self, destination: Destination) -> Head:
        """The head that goes on from the destination's read position; made when the sweep has gone where none is."""
        live, position = self._partition.live, destination.read_position
        if live.window is not None and position <= (live.expected or 0) and live.window.covers(position):
            if self._near is None or self._near.window is not live.window:
                self._near = Head(live.window, None, is_live=True)
            self._near.tenants = self._behind()
            return self._near
        head = next((head for head in self._heads if head.serves(destination)), None)
        if head is None:
            head = await self._new_head(position)
        else:
            self._heads.remove(head)
        self._heads = [*self._heads[-(HEADS - 1) :], head]
        return head

    def _behind(self) -> frozenset[bytes] | None:
        """Keys of the tenants that the sweep feeds; None while that may be any tenant."""
        if self._partition.unseen.state is State.BEHIND:
            return None
        behind = (key for key, d in self._partition.destinations.items() if d.state is State.BEHIND)
        return frozenset(tenant.encode() for tenant, _ in behind)

    async def _new_head(self, position: int) -> Head:
        span = round(self._context.settings.duplicate_window * 1000)
        start = await self._start_of_window(position, span)
        head = Head(DuplicateWindow(start, position, span), self._behind())
        async for record in self._scan(start, position):
            head.pass_by(record, self._partition.decode(record) if head.concerns(record) else None)
        head.window.end = position
        return head

    async def _start_of_window(self, position: int, span: int) -> int:
        self._reader.seek(position)
        first = await self._reader.read(max_records=1, timeout_ms=100)
        moment = first[0].timestamp if first else self._context.now()
        found = await self._reader.offset_at(moment - span)
        return position if found is None else min(found, position)

    async def _scan(self, start: int, end: int) -> AsyncIterator[Record]:
        """Records of ``events`` with ``start <= offset < end``; others have their turns meanwhile."""
        self._reader.seek(start)
        while await self._reader.position() < end:
            records = await self._reader.read(max_records=BATCH)
            self._context.metrics.swept.inc(len(records))
            for number, record in enumerate(records):
                if number % STEP == 0:
                    await asyncio.sleep(0)
                if record.offset < end:
                    yield record


def _needed_from(served: set[Destination], unknown_from: int) -> Callable[[bytes | None], int]:
    """By a record's key: the first offset that has to be looked into, for a destination or for the window.

    What lies below ``unknown_from`` is in the window.
    """
    unseen, first = unknown_from, dict[bytes | None, int]()
    for destination in served:
        if destination.key is None:
            unseen = min(unseen, destination.read_position)
        else:
            tenant = destination.key[0].encode()
            first[tenant] = min(destination.read_position, first.get(tenant, unknown_from))
    return lambda tenant: min(unseen, first.get(tenant, unknown_from))


def _read_position(destination: Destination) -> int:
    return destination.read_position
