"""Watches the senders of a run from outside: memory bounds, and remarkable moments that no record tells."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

from agents import notices
from agents.destination import State
from agents.ledger import Destination as Key
from agents.notices import Notices
from agents.partition import PartitionSender
from schemas.tenant import PLATFORMS
from streams.log import Record
from tests.simulation.demands import decode_event
from tests.simulation.setting import PARTITIONS
from tests.simulation.world import METRICS, World

PACE = 0.5
#: Clocks of sources may run ahead by this much when a first copy is looked for (agents/sweep.py).
SKEW_MS = 5_000


class Watch:
    """Of one world."""

    def __init__(self, world: World) -> None:
        self.reached: Counter[str] = Counter()
        self._world = world
        self._circuits = _circuit_events()
        #: Finished deliveries that a takeover found in the log.
        self._found: dict[tuple[PartitionSender, Key], int] = {}
        #: Results of former owners that came after it: of deliveries that need not be queued here.
        self._late: Counter[tuple[PartitionSender, Key]] = Counter()
        self._states: dict[tuple[PartitionSender, Key], State] = {}
        self._facts = [0] * PARTITIONS
        world.log.observers.append(self._appended)

    async def run(self) -> None:
        """Look at the senders until cancelled."""
        while True:
            await asyncio.sleep(PACE)
            for number in range(PARTITIONS):
                facts = len(self._world.log.records["events", number])
                for partition in self._owners(number):
                    self._look(partition, facts > self._facts[number])
                self._facts[number] = facts

    def finish(self) -> Counter[str]:
        """All that was noticed."""
        self.reached.update(_circuit_events() - self._circuits)
        late = {time - SKEW_MS for time in self._world.gateway.late_copies}
        self.reached["late copy looked up"] += sum(not late.isdisjoint(reader.asked) for reader in self._world.readers)
        return +self.reached

    def _owners(self, number: int) -> Iterator[PartitionSender]:
        """Those who believe that they own the partition, though the group may not know them for a while."""
        for member in self._world.members.values():
            partition = member.sender._partitions.get(number)
            if partition is not None and partition.tail.ready.is_set() and not partition.is_closed():
                yield partition

    def _look(self, partition: PartitionSender, facts_arrive: bool) -> None:
        self._judge_notices(partition)
        for key, destination in partition.destinations.items():
            before = self._states.get((partition, key))
            self._states[partition, key] = destination.state
            if facts_arrive and before is State.BEHIND and destination.state is State.LIVE:
                self.reached["joined the live stream while facts arrived"] += 1

    def _judge_memory(self, partition: PartitionSender, key: Key) -> None:
        """Queue and ledger of a destination never hold more than its places, and what a takeover found in the log."""
        settings, destination = self._world.settings, partition.destinations[key]
        finished = len(partition.ledger.finished.get(key, ()))
        at_start = self._found.setdefault((partition, key), finished)
        # One more: an empty queue takes a delivery whatever lies finished above it, else it could not go on.
        bound = settings.places + settings.finished_places + at_start + self._late[partition, key] + 1
        held = destination.queued + finished
        if held > bound:
            self._world.errors.append(f"{key} holds {held} deliveries, {bound} are allowed")

    def _judge_total(self, partition: PartitionSender) -> None:
        """All lanes of a partition together hold no more than the places that its tenants have."""
        held = sum(len(lane) for d in partition.destinations.values() for lane in d.lanes.values())
        tenants = sum(tenant.partition == partition.number for tenant in self._world.tenants)
        # What a former owner's late result has finished is in its lane until its turn comes.
        late = sum(count for (owner, _), count in self._late.items() if owner is partition)
        bound = tenants * len(PLATFORMS) * self._world.settings.places + late
        if held > bound:
            self._world.errors.append(f"partition {partition.number} holds {held} deliveries, {bound} are allowed")

    def _judge_notices(self, partition: PartitionSender) -> None:
        """So many threads an outage are kept, and no more."""
        for outage in _outages(partition):
            kept = len(outage.waiting) + len(outage.told)
            self.reached["no room for another notice"] += kept == notices.THREADS
            if kept > notices.THREADS:
                self._world.errors.append(f"{kept} threads are kept for notices, {notices.THREADS} are allowed")

    def _appended(self, topic: str, record: Record) -> None:
        if topic != "outcomes":
            return
        kind = record.header("type")
        if kind == b"sender.took_over":
            self._taken_over(record)
        elif kind is not None and kind.startswith(b"delivery."):
            event = decode_event(record.value or b"")
            key: Key = (event.tenantid, event.data["platform"])
            for partition in self._owners(record.partition):
                self._late[partition, key] += event.data["term"] != partition.term
                if key in partition.destinations:
                    self._judge_memory(partition, key)
                self._judge_total(partition)

    def _taken_over(self, record: Record) -> None:
        """Was the owner before it sweeping? Its state is still there, though it may be dead."""
        for member in self._world.members.values():
            partition = member.sender._partitions.get(record.partition)
            if partition is not None and partition.ledger.owner == partition.term and partition.sweep is not None:
                end = len(self._world.log.records["events", record.partition])
                self.reached["takeover during a sweep"] += any(
                    d.state is State.BEHIND and d.read_position < end for d in partition.destinations.values()
                )


def _outages(partition: PartitionSender) -> list[notices._Outage]:
    """What the partition's task for notices keeps; nobody else has a hold of it."""
    frames = (getattr(task.get_coro(), "cr_frame", None) for task in partition._tasks)
    owners = (frame.f_locals.get("self") for frame in frames if frame is not None)
    return [outage for owner in owners if isinstance(owner, Notices) for outage in owner._outages.values()]


def _circuit_events() -> Counter[str]:
    names = {"opened": "circuit opened", "probe_failed": "probe failed"}
    found = Counter[str]()
    for platform in ("genesys", "whatsapp"):
        for event, name in names.items():
            found[name] += round(METRICS.circuits.labels(platform, event)._value.get())
    for platform, action in (("genesys", "found"), ("genesys", "not_there"), ("whatsapp", "found")):
        name = f"unanswered, then {action.replace('_', ' ')} at {platform}"
        found[name] += round(METRICS.ambiguous.labels(platform, action)._value.get())
    found["notice of an outage"] = round(METRICS.notices._value.get())
    found["live stream silent"] = round(METRICS.behind.labels("stream_silent")._value.get())
    found["thread passed over"] = round(METRICS.behind.labels("thread")._value.get())
    found["fenced"] = round(METRICS.fenced._value.get())
    return found
