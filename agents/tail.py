"""The tail of ``outcomes``: one reader that folds, tells when an attempt is known to be in the log, and checkpoints."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from agents.context import Reader
from agents.facts import Fact
from agents.ledger import Destination as Key
from schemas.envelope import Envelope, decode
from schemas.errors import UndecodableRecord
from schemas.outcomes import Accepted, Attempted
from streams.log import Record

if TYPE_CHECKING:
    from agents.partition import PartitionSender

log = logging.getLogger(__name__)


class Tail:
    """Follows one partition of ``outcomes``; nothing in its own task awaits an attempt."""

    def __init__(self, partition: PartitionSender) -> None:
        self._partition = partition
        self._context = partition.context
        #: Set once this sender's own claim has been folded, so that the ledger is complete.
        self.ready = asyncio.Event()
        #: Who waits until the log is known up to its attempt, by record id.
        self._waiting: dict[str, asyncio.Future[bool]] = {}
        self._folded = 0
        self._checkpointed_at = self._context.clock()

    def release(self) -> None:
        """The partition is closed: whoever waits may not call."""
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_result(False)

    async def follow(self, reader: Reader) -> None:
        """Fold until the partition is closed."""
        while not self._partition.is_closed():
            for record in await reader.read(timeout_ms=1000):
                self._fold(record)
                if self._partition.is_closed():
                    return
            if self._checkpoint_due():
                await self._checkpoint()

    def _fold(self, record: Record) -> None:
        partition = self._partition
        own = partition.outcomes.read_back(record.header("id"))
        if own is not None:
            event, done = own[0], partition.ledger.fold(record.offset, *own)
        else:
            try:
                event = decode(record.value)
                done = partition.ledger.fold(record.offset, event)
            except UndecodableRecord:
                where = {"partition": partition.number, "offset": record.offset}
                log.error("an outcome record cannot be decoded", extra=where)
                partition.ledger.as_of = record.offset + 1
                partition.outcomes.known_end.folded(record.offset + 1)
                return
        partition.outcomes.known_end.folded(record.offset + 1)
        if own is None and isinstance(done, Accepted):
            partition.conversations.note(event.tenantid, event.subject, done)
            self._former_sent(record, event, done)
        if event.type == "sender.took_over":
            self._owner_changed(record.offset)
        self._let_call(event.id)
        if event.type.startswith("delivery."):
            self._folded += 1
        if done is not None and event.tenantid is not None:
            key: Key = (event.tenantid, done.platform)
            if partition.ledger.is_finished(key, done.offset):
                partition.finished(key, done.offset)

    def _former_sent(self, record: Record, event: Envelope, accepted: Accepted) -> None:
        """What a former owner's call has just brought to WhatsApp: its thread's next one waits for it as for ours."""
        # The broker's clock may be ahead of ours.
        age = max(0.0, (self._context.now() - record.timestamp) / 1000)
        left = self._context.settings.order_wait - age
        if accepted.platform == "whatsapp" and event.tenantid and event.subject and left > 0:
            sent = (accepted.delivery, accepted.part)
            self._partition.sightings.former_owner_sent((event.tenantid, event.subject), sent, left)

    def _owner_changed(self, offset: int) -> None:
        if offset == self._partition.term:
            self.ready.set()
        elif self.ready.is_set():
            log.warning("another sender took over", extra={"partition": self._partition.number, "term": offset})
            self._context.metrics.fenced.inc()
            self._partition.fenced()

    async def attempted(self, attempt: Attempted, fact: Fact) -> bool:
        """Write an attempt ahead and wait until the log is known up to it.

        True when this sender still owned the partition there.
        """
        if self._partition.is_closed():
            return False
        waiting: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        id_, appended = await self._partition.outcomes.enqueue("delivery.attempted", attempt, fact.event)
        if self._partition.is_closed():
            return False
        self._waiting[id_] = waiting
        appended.add_done_callback(partial(self._acknowledged, id_))
        return await waiting

    def _acknowledged(self, id_: str, appended: asyncio.Future[Any]) -> None:
        """An attempt is in the log; what lies before it is known by its offset, or else once it is folded."""
        if appended.cancelled() or appended.exception() is not None:
            return
        self._context.crash("sender_after_attempted")
        if self._partition.outcomes.known_end.covers(appended.result().offset):
            self._context.turns.give(partial(self._let_call, id_))

    def _let_call(self, id_: str) -> None:
        """All that the log holds before an attempt is known: its call may be made if the partition is still ours."""
        waiting = self._waiting.pop(id_, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(self._partition.ledger.owner == self._partition.term)

    def _checkpoint_due(self) -> bool:
        if not self.ready.is_set() or self._folded == 0 or self._partition.is_parking():
            return False
        settings = self._context.settings
        waited = self._context.clock() - self._checkpointed_at
        return self._folded >= settings.checkpoint_records or waited >= settings.checkpoint_seconds

    async def _checkpoint(self) -> None:
        partition, expected = self._partition, self._partition.live.expected
        live = partition.unseen.cursor(expected)
        cursors = {key: destination.cursor(expected) for key, destination in partition.destinations.items()}
        # One that is further than the live position counts too: it has sent what a start there would send again.
        cursors = {key: cursor for key, cursor in cursors.items() if cursor != live}
        checkpoint = partition.ledger.checkpoint(self._context.cluster, live, cursors)
        self._folded, self._checkpointed_at = 0, self._context.clock()
        asked = self._context.now()
        _, appended = await partition.outcomes.enqueue("sender.checkpoint", checkpoint)
        appended.add_done_callback(lambda done: self._compare_clocks(asked, done))
        self._context.metrics.checkpoints.inc()
        self._context.crash("sender_checkpoint")

    def _compare_clocks(self, asked: int, appended: asyncio.Future[Any]) -> None:
        if not appended.cancelled() and appended.exception() is None:
            self._context.metrics.clock_skew.set((appended.result().timestamp - asked) / 1000)
