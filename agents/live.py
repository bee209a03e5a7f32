"""The live stream of one partition: what Faust brings, admitted without ever waiting."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from agents.destination import State
from agents.facts import Fact
from agents.ledger import Destination as Key
from agents.window import DuplicateWindow
from streams.log import LogUnavailable, Record

if TYPE_CHECKING:
    from agents.partition import PartitionSender

log = logging.getLogger(__name__)

#: How far Faust's position may lie from what is expected before it counts as a jump.
ALLOWANCE = 2000
#: So long may Faust bring nothing while facts lie in the log.
SILENCE = 5.0


class LiveStream:
    """Feeds the destinations that are live; trusts no more of Faust than what it brings, and that only in order."""

    def __init__(self, partition: PartitionSender) -> None:
        self._partition = partition
        #: Next offset of the stream once somebody is live; None while everything is behind.
        self.expected: int | None = None
        #: Next offset of Faust since the assignment; None while it has delivered nothing.
        self.agent_next: int | None = None
        self.window: DuplicateWindow | None = None

    def admit(self, record: Record) -> None:
        """Take a record from Faust's agent. Never waits, so that no rebalance and no other tenant waits for it."""
        self.agent_next = record.offset + 1
        if self.expected is None or self.window is None:
            return
        if record.offset > self.expected or self.expected - record.offset > ALLOWANCE:
            self._lost("stream_jumped")
            return
        if record.offset < self.expected:
            return
        self.expected = record.offset + 1
        fact = self._partition.decode(record)
        if fact is not None:
            self._partition.hear(fact)
        self.window.add(record.offset, record.timestamp, fact.keys if fact else ())
        if fact is not None and fact.destination is not None:
            self._admit_fact(fact, fact.destination)

    def _admit_fact(self, fact: Fact, key: Key) -> None:
        assert self.window is not None
        partition = self._partition
        destination = partition.destinations.get(key)
        if destination is None:
            if partition.unseen.state is State.BEHIND or fact.offset < partition.unseen.join:
                return
            destination = partition.destinations[key] = partition.new_destination(key, State.LIVE, fact.offset)
        if destination.state is State.BEHIND:
            partition.wake()
            return
        if fact.offset < destination.join:
            return
        if self.window.is_copy(fact.offset, fact.keys):
            partition.context.metrics.copies.inc()
        elif not partition.ledger.is_finished(key, fact.offset) and not partition.queue(destination, fact):
            partition.fall_behind(destination, partition.obstacle(key) or "places", fact.offset)

    def _lost(self, reason: str) -> None:
        # Faust's position says nothing any more about what has been seen.
        at = self.expected or 0
        self.expected = self.window = None
        for destination in (self._partition.unseen, *self._partition.destinations.values()):
            if destination.state is State.LIVE:
                self._partition.fall_behind(destination, reason, max(at, destination.join))

    async def mind(self) -> None:
        """Watch for facts that lie there while Faust brings none: it is stuck, or skipped them and nothing shows it."""
        before: int | None = None
        while True:
            await asyncio.sleep(SILENCE)
            silent = self.agent_next == before
            if silent and self.expected is not None and await self._facts_lie_there(self.expected):
                where = {"partition": self._partition.number}
                log.warning("the live stream is silent although facts lie there", extra=where)
                self.agent_next = None
                self._lost("stream_silent")
            before = self.agent_next

    async def _facts_lie_there(self, offset: int) -> bool:
        sweep = self._partition.sweep
        try:
            return sweep is not None and await sweep.log_end() > offset and self.expected == offset
        except LogUnavailable:
            return False
