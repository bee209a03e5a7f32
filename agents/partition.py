"""One ownership of one partition, from ``sender.took_over`` to its loss."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine
from typing import Any, cast

from agents.ageing import is_too_old
from agents.circuit import Circuit, Verdict
from agents.context import Reader, SenderContext
from agents.conversations import Conversations
from agents.destination import Destination, Place, State
from agents.facts import Fact, read_fact
from agents.lane import run_lane
from agents.ledger import Destination as Key
from agents.ledger import Ledger
from agents.live import LiveStream
from agents.notices import Notices
from agents.recent import RecentMessages
from agents.records import OutcomeWriter
from agents.sightings import Sightings
from agents.slots import Standing
from agents.sweep import Sweep
from agents.tail import Tail
from agents.takeover import newest_checkpoint
from schemas.delivery import Call
from schemas.errors import UndecodableRecord, UnknownEventVersion
from schemas.outcomes import Checkpoint, DestinationNote, TookOver
from schemas.tenant import Tenant
from streams.log import Record
from streams.topics import EVENTS, OUTCOMES

log = logging.getLogger(__name__)

#: Seconds between two looks at whether a paused tenant may send again.
OBSTACLE_PAUSE = 1.0


class PartitionSender:
    """Sends what the facts of one partition demand, for as long as the log shows this process as the owner.

    A call starts only when the log is known to hold its own ``attempted`` with no later ``took_over`` before it. What a
    stopped process can still do is a call that was already visible as attempted when its successor took over.
    """

    def __init__(self, context: SenderContext, number: int, on_fenced: Callable[[PartitionSender], None]) -> None:
        self.context = context
        self.number = number
        self._closed = False
        self.draining = False
        self.outcomes = OutcomeWriter(context, number)
        self.ledger = Ledger()
        self.destinations: dict[Key, Destination] = {}
        #: Stands for every destination that has shown nothing yet.
        self.unseen = self.new_destination(None, State.BEHIND, 0)
        self.live = LiveStream(self)
        self.tail = Tail(self)
        self.sightings = Sightings(context.clock)
        self.conversations = Conversations()
        self.recent = RecentMessages(context.tenants)
        #: Monotonic time at which the ledger was complete.
        self.ready_at = 0.0
        self.term = -1
        #: Unix milliseconds at which the log shows the takeover.
        self.taken_over_at = 0
        self._on_fenced = on_fenced
        self._tasks: set[asyncio.Task[None]] = set()
        self._lanes: set[asyncio.Task[None]] = set()
        self._calling: set[asyncio.Task[None]] = set()
        #: Appends that nobody waits for.
        self._errands: set[asyncio.Task[None]] = set()
        self._parking: set[asyncio.Task[None]] = set()
        self._readers: list[Reader] = []
        self.sweep: Sweep | None = None

    # -- ownership

    def start(self) -> None:
        """Begin the takeover; nothing is awaited here."""
        self._spawn(self._own(), self._tasks)

    def close(self) -> None:
        """No new call from here on; calls in flight finish and append their results."""
        if self.is_closed():
            return
        self._closed = True
        self.tail.release()
        for task in self._tasks:
            task.cancel()

    def fenced(self) -> None:
        """The log shows another owner."""
        self._on_fenced(self)

    def is_closed(self) -> bool:
        """True once the partition belongs to somebody else, or to nobody."""
        return self._closed

    async def drain(self) -> None:
        """No new attempt.

        Attempts under way, from the record written ahead to the record of the result, are completed.
        """
        self.draining = True
        for lane in self._lanes - self._calling:
            lane.cancel()
        if under_way := self._calling | self._errands | self._parking:
            await asyncio.wait(under_way, timeout=self.context.settings.call_timeout + 1.0)
        await self.outcomes.acknowledged(timeout=1.0)

    async def finish(self) -> None:
        """After `close`: wait for the calls in flight, then let go of the readers."""
        self.close()
        await self.drain()
        for task in self._lanes | self._errands | self._parking:
            task.cancel()
        for reader in self._readers:
            await reader.stop()

    def calling(self) -> _Calling:
        """Around an attempt: a lane inside is not cancelled when the partition is drained."""
        return _Calling(self._calling)

    async def _own(self) -> None:
        context, settings = self.context, self.context.settings
        events, tail = context.reader(EVENTS, self.number), context.reader(OUTCOMES, self.number)
        self._readers += [events, tail]
        await events.start()
        await tail.start()
        asked = context.now()
        claim = await self.outcomes.append("sender.took_over", TookOver(sender=context.sender))
        self.term, self.taken_over_at = claim.offset, claim.timestamp
        context.metrics.clock_skew.set((claim.timestamp - asked) / 1000)
        stride = settings.checkpoint_records + settings.checkpoint_records // 2
        outcomes_start = await tail.start_offset()
        checkpoint = await newest_checkpoint(tail, outcomes_start, self.term, stride, context.cluster)
        self._restore(checkpoint, outcomes_start, await events.start_offset())
        tail.follow(self.ledger.as_of)
        self._spawn(self.tail.follow(tail), self._tasks)
        await self.tail.ready.wait()
        self.ready_at = context.clock()
        for attempt in self.ledger.open.values():
            self.sightings.watch((attempt.delivery, attempt.part), settings.call_timeout + settings.look_up_wait)
        context.metrics.takeovers.inc()
        log.info(
            "took over partition",
            extra={
                "partition": self.number,
                "term": self.term,
                "destinations": len(self.destinations),
                "ambiguous": len(self.ledger.open),
            },
        )
        self.sweep = Sweep(self, events)
        self._spawn(self.live.mind(), self._tasks)
        self._spawn(Notices(self).run(), self._tasks)
        await self.sweep.run()

    def _restore(self, checkpoint: Checkpoint | None, outcomes_start: int, log_start: int) -> None:
        # Without a checkpoint nothing is known of what retention has removed, not even that it was sent.
        live = checkpoint.live if checkpoint else 0
        self.ledger = Ledger.from_checkpoint(checkpoint) if checkpoint else Ledger(as_of=outcomes_start)
        self.unseen = self.new_destination(None, State.BEHIND, live)
        for state in checkpoint.destinations if checkpoint else ():
            key = (state.tenant, state.platform)
            self.destinations[key] = self.new_destination(key, State.BEHIND, state.cursor)
        self.log_begins(log_start)

    def log_begins(self, log_start: int) -> None:
        """The log starts there: who is behind and has not read so far misses what was removed, which is said."""
        if self.unseen.state is State.BEHIND and self.unseen.read_position < log_start:
            self._gaps_of_unlisted(self.unseen.read_position)
            self.unseen.read_position = log_start
        for key, destination in self.destinations.items():
            if destination.state is State.BEHIND and destination.read_position < log_start:
                self._gap(key, destination.read_position)
                destination.read_position = log_start

    def _gaps_of_unlisted(self, live: int) -> None:
        """What was removed beyond the live position may have been any tenant's of this partition."""
        for tenant in self.context.tenants.tenants:
            for platform in self.context.remotes:
                if tenant.partition == self.number and (tenant.id, platform) not in self.destinations:
                    self._gap((tenant.id, platform), live)

    def _gap(self, key: Key, cursor: int) -> None:
        log.error(
            "the log starts beyond a cursor: facts were removed before they were sent",
            extra={"tenant": key[0], "platform": key[1]},
        )
        self.context.metrics.gaps.inc()
        self._note("destination.gap", key, "log_start", cursor)

    # -- deliveries

    def hear(self, fact: Fact) -> None:
        """A fact came by, whatever it demands."""
        try:
            self.sightings.note(fact.event)
            self.recent.note(fact.offset, fact.event)
        except UndecodableRecord:
            # It tells nothing; whether it demands something is found out when it is planned.
            return

    def queue(self, destination: Destination, fact: Fact) -> bool:
        """Give the fact's delivery a place, if it demands one; False when the destination cannot take it."""
        tenant = self.context.tenants.by_id(fact.event.tenantid or "")
        if tenant is None or (destination.key is not None and self.obstacle(destination.key)):
            return False
        try:
            delivery = self.context.plan(fact.event, tenant, self.recent.newest)
        except UnknownEventVersion:
            raise
        except Exception as error:
            # One payload that the plan cannot take must not stop the partition of many tenants.
            log.exception("a fact cannot be planned", extra={"partition": self.number, "offset": fact.offset})
            self.park(fact.record, fact.event.tenantid, f"{type(error).__name__}: {error}")
            return True
        if delivery is None or (delivery.kind == "typing" and is_too_old(self.context, delivery)):
            return True
        if destination.passes_over(delivery.lane, fact.offset):
            return True
        if destination.room() <= 0:
            return False
        lane = destination.add(Place(fact, delivery, tenant))
        if lane is not None:
            self._spawn(run_lane(self, destination, lane), self._lanes)
        return True

    def planned_anew(self, place: Place, tenant: Tenant) -> tuple[Call, ...]:
        """The calls of a delivery by the tenant's record of today."""
        delivery = self.context.plan(place.fact.event, tenant, self.recent.newest)
        return delivery.calls if delivery is not None else place.delivery.calls

    def finished(self, key: Key, offset: int) -> None:
        """The delivery at ``offset`` needs nothing more."""
        destination = self.destinations.get(key)
        if destination is None:
            return
        destination.finish(offset, self.live.expected)
        if destination.state is State.BEHIND and destination.takes_more():
            self.wake()

    def park(self, record: Record, tenant: str | None, reason: str) -> None:
        """Keep a record that cannot be understood, with its bytes; the sender goes on behind it."""
        self.context.metrics.parked.inc()
        self._spawn(self.context.dead_letter(record, tenant, f"undecodable: {reason}", 0, None, 0), self._parking)

    def is_parking(self) -> bool:
        """True while a record is parked that is not kept yet: no checkpoint may say that it was passed."""
        return bool(self._parking)

    def obstacle(self, key: Key) -> str | None:
        """Why nothing may be sent there now, whatever the platform would say; None when it may."""
        tenant = self.context.tenants.by_id(key[0])
        if tenant is None:
            return "configuration"
        return "paused" if tenant.is_paused(key[1]) else None

    async def clearance(self, destination: Destination, lane: str) -> None:
        """Return when the lane may call: its tenant is not paused, and the circuit admits it."""
        assert destination.key is not None
        while self.obstacle(destination.key) and not (self._closed or self.draining):
            await asyncio.sleep(OBSTACLE_PAUSE)
        await destination.circuit.admission(lane)

    def judge(self, destination: Destination, lane: str, verdict: Verdict) -> None:
        """What a call of ``lane`` said about its destination goes to the circuit."""
        circuit, platform = destination.circuit, destination.key[1] if destination.key else ""
        was_open = circuit.is_open
        if circuit.record(lane, verdict):
            self.context.metrics.circuits.labels(platform, "opened" if circuit.is_open else "closed").inc()
            self._circuit_changed(destination)
        elif was_open and verdict is not Verdict.NOTHING:
            self.context.metrics.circuits.labels(platform, "probe_failed").inc()

    def _circuit_changed(self, destination: Destination) -> None:
        """The circuit opened, so the live stream must not feed it; or it closed, so the sweep may."""
        circuit = destination.circuit
        log.warning(
            "circuit opened" if circuit.is_open else "circuit closed",
            extra={"tenant": (destination.key or ("", ""))[0], "reason": circuit.reason},
        )
        if circuit.is_open and destination.state is State.LIVE:
            self.fall_behind(destination, f"circuit_{circuit.reason}", max(self.live.expected or 0, destination.join))
        self.wake()

    def tenants_changed(self, ids: Collection[str]) -> None:
        """Configurations changed: what they had stopped is tried again at once."""
        for key, destination in self.destinations.items():
            if key[0] in ids:
                destination.circuit.renew()
        self.wake()

    def readmit(self, destination: Destination, lane: str) -> None:
        """The lane has become shorter: if it was passed over, the sweep goes back to it."""
        first = destination.readmit(lane, self.live.expected)
        if first is None:
            return
        if destination.state is State.LIVE:
            self.fall_behind(destination, "thread", first)
        else:
            destination.read_position = min(destination.read_position, first)
            self.wake()

    def fall_behind(self, destination: Destination, reason: str, read_position: int) -> None:
        """The live stream cannot feed the destination; the sweep will, from ``read_position``."""
        destination.fall_behind(read_position)
        self.context.crash("sender_falling_behind")
        self.context.metrics.behind.labels(reason).inc()
        if destination.key is not None:
            self._note("destination.behind", destination.key, reason, destination.cursor(self.live.expected))
        self.wake()

    def wake(self) -> None:
        """There may be something to sweep."""
        if self.sweep is not None:
            self.sweep.wake()

    def _note(self, type_: str, key: Key, reason: str, cursor: int) -> None:
        note = DestinationNote(platform=key[1], reason=reason, cursor=cursor)

        async def append() -> None:
            await self.outcomes.enqueue(type_, note, tenant=key[0])

        self._spawn(append(), self._errands)

    def decode(self, record: Record) -> Fact | None:
        """The fact in a record, or None when it is parked. Raises UnknownEventVersion: a newer release wrote it."""
        try:
            return read_fact(record)
        except UndecodableRecord as error:
            self.park(record, None, str(error))
            return None

    async def lag(self) -> int:
        """How many records of ``events`` this sender has not looked at."""
        if self.sweep is None:
            return 0
        seen = self.live.expected if self.live.expected is not None else self.unseen.read_position
        return max(0, await self.sweep.log_end() - seen)

    def position(self) -> tuple[int, ...]:
        """Changes whenever something was done."""
        return self.ledger.as_of, self.live.expected or 0, self.unseen.read_position, self.live.agent_next or 0

    # -- helpers

    def new_destination(self, key: Key | None, state: State, read_position: int) -> Destination:
        """A destination that nothing is known of, with a circuit of its own."""
        circuit, standing = Circuit(self.context.clock), Standing(self.context.clock)
        return Destination(key, state, read_position, self.context.settings, self.ledger, circuit, standing)

    def discover(self, key: Key, read_position: int) -> Destination:
        """A destination that the sweep meets for the first time."""
        destination = self.destinations[key] = self.new_destination(key, State.BEHIND, read_position)
        return destination

    def _spawn(self, work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        tasks.add(task)
        task.add_done_callback(lambda done: self._over(done, tasks))

    def _over(self, task: asyncio.Task[None], tasks: set[asyncio.Task[None]]) -> None:
        tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.context.fatal(error)


class _Calling:
    """One attempt under way in the task that makes it."""

    __slots__ = ("_all", "_task")

    def __init__(self, all_: set[asyncio.Task[None]]) -> None:
        self._all = all_
        self._task = cast("asyncio.Task[None]", asyncio.current_task())

    def __enter__(self) -> None:
        self._all.add(self._task)

    def __exit__(self, *_: object) -> None:
        self._all.discard(self._task)
