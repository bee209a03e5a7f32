"""The sender with one rule taken out at a time: a simulation that does not notice is not worth running."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from agents.circuit import Circuit
from agents.destination import Destination, Place
from agents.facts import Fact
from agents.finding_out import Inquiry
from agents.lane import LaneHead
from agents.ledger import Ledger
from agents.live import LiveStream
from agents.look_up import NotThere
from agents.notices import Notices, _Outage
from agents.partition import PartitionSender
from agents.passed_over import PassedOver
from agents.rates import TokenBucket
from agents.sender import Sender
from agents.sightings import Sightings
from agents.sweep import Sweep
from agents.tail import Tail
from agents.takeover import newest_checkpoint
from schemas.delivery import Delivery
from schemas.outcomes import Attempted, Checkpoint
from schemas.redriving import REDRIVEN
from streams.log import Record, settled
from tests.simulation import world
from tests.simulation.scenario import run_seed

Patch = Callable[[pytest.MonkeyPatch], None]
MUTANTS: dict[str, Patch] = {}


def mutant(patch: Patch) -> Patch:
    MUTANTS[patch.__name__] = patch
    return patch


@contextmanager
def mutated(name: str) -> Iterator[None]:
    """The sender without the rule that ``name`` says."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        MUTANTS[name](monkeypatch)
        yield


def first_caught(name: str, seeds: Iterable[int]) -> int | None:
    """The first seed that breaks a promise without that rule; None when all keep it."""
    with mutated(name):
        return next((seed for seed in seeds if run_seed(seed).violations), None)


@mutant
def without_the_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    """An attempt counts although somebody else took over before it."""

    def let_call(self: Tail, id_: str) -> None:
        waiting = self._waiting.pop(id_, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(True)

    monkeypatch.setattr(Tail, "_let_call", let_call)
    monkeypatch.setattr(Tail, "_owner_changed", _only_own_claim)


def _only_own_claim(self: Tail, offset: int) -> None:
    self.ready.set()


@mutant
def without_knowing_what_lies_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """The call starts once the append is acknowledged, whatever lies between it and what was folded."""

    async def attempted(self: Tail, attempt: Attempted, fact: Fact) -> bool:
        if self._partition.is_closed():
            return False
        _, appended = await self._partition.outcomes.enqueue("delivery.attempted", attempt, fact.event)
        await settled(appended)
        return True

    monkeypatch.setattr(Tail, "attempted", attempted)


@mutant
def folding_from_the_checkpoint_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the checkpoint had been written at the instant of which it tells."""
    original = newest_checkpoint

    async def newest(reader: Any, *arguments: Any) -> Checkpoint | None:
        found = await original(reader, *arguments)
        if found is None:
            return None
        position = await _offset_of(reader, found)
        return msgspec.structs.replace(found, as_of=position + 1)

    monkeypatch.setattr("agents.partition.newest_checkpoint", newest)


async def _offset_of(reader: Any, checkpoint: Checkpoint) -> int:
    wanted = msgspec.json.encode(checkpoint)
    for record in reader._records:
        if wanted in (record.value or b""):
            return int(record.offset)
    raise AssertionError("the checkpoint is not in the log")


@mutant
def without_cursors_in_the_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Ledger.checkpoint

    def checkpoint(self: Ledger, cluster: str, live: int, cursors: Any) -> Checkpoint:
        return msgspec.structs.replace(original(self, cluster, live, cursors), destinations=())

    monkeypatch.setattr(Ledger, "checkpoint", checkpoint)


@mutant
def without_open_attempts_in_the_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Ledger.checkpoint

    def checkpoint(self: Ledger, cluster: str, live: int, cursors: Any) -> Checkpoint:
        return msgspec.structs.replace(original(self, cluster, live, cursors), open=())

    monkeypatch.setattr(Ledger, "checkpoint", checkpoint)


@mutant
def without_the_window_of_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    def settled_only_by_ledger(self: Sweep, destination: Destination, fact: Fact, window: Any) -> bool:
        assert destination.key is not None
        return destination.holds(fact.offset) or self._partition.ledger.is_finished(destination.key, fact.offset)

    monkeypatch.setattr(Sweep, "_is_settled", settled_only_by_ledger)


@mutant
def without_look_ups_of_late_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(self: LaneHead) -> bool:
        return False

    monkeypatch.setattr(LaneHead, "_is_late_copy", never)


@mutant
def without_claiming_again_after_a_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    async def give_in(self: Sender, fenced: PartitionSender) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(Sender, "_retake", give_in)


@mutant
def with_places_for_what_is_unfinished_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Destination, "room", lambda self: self._settings.places - len(self._queued))


@mutant
def without_waiting_for_a_former_owners_result(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(self: LaneHead) -> bool:
        return False

    monkeypatch.setattr(LaneHead, "_settle_ambiguous", at_once)


@mutant
def with_absence_as_a_proof_after_a_takeover(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a former owner that is stopped could not make its call any more."""
    original = LaneHead._find_out

    async def find_out(self: LaneHead, part: int, absence_counts: bool) -> bool | None:
        return await original(self, part, absence_counts=True)

    monkeypatch.setattr(LaneHead, "_find_out", find_out)


@mutant
def with_absence_where_nobody_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look-up that fails counts as one that found nothing."""

    async def ask(self: Inquiry, part: int) -> NotThere:
        return NotThere()

    monkeypatch.setattr(Inquiry, "ask", ask)


@mutant
def without_the_wait_for_the_message_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """WhatsApp is sent the next message of a thread at once."""

    async def at_once(self: Sightings, thread: Any) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(Sightings, "until_former_is_shown", at_once)


@mutant
def without_waiting_for_what_a_former_owner_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tail, "_former_sent", lambda *_: None)


@mutant
def without_listening_to_the_rate_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TokenBucket, "observe", lambda self, *_, **__: None)


@mutant
def without_giving_up_a_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was let through as a probe, and did not call, keeps the place of the probe."""
    monkeypatch.setattr(Circuit, "abandon", lambda self, thread: None)


@mutant
def without_a_word_about_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PartitionSender, "_gap", lambda self, key, cursor: None)


@mutant
def without_noticing_a_jump_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """The live stream goes on wherever Faust goes on."""
    original = LiveStream.admit

    def admit(self: LiveStream, record: Record) -> None:
        if self.expected is not None:
            self.expected = max(self.expected, record.offset)
        original(self, record)

    monkeypatch.setattr(LiveStream, "admit", admit)


@mutant
def without_minding_a_silent_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(self: LiveStream) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(LiveStream, "mind", never)


@mutant
def letting_redrives_overtake(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is redriven goes in front of what waits in its lane."""
    original = Destination.add

    def add(self: Destination, place: Place) -> str | None:
        name = original(self, place)
        lane = self.lanes[place.delivery.lane]
        if name is None and place.fact.event.type == REDRIVEN:
            lane.insert(1, lane.pop())
        return name

    monkeypatch.setattr(Destination, "add", add)


@mutant
def with_two_calls_of_a_lane_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second delivery of a lane starts with the first."""

    async def run_two(partition: PartitionSender, destination: Destination, name: str) -> None:
        lane = destination.lanes[name]
        while lane:
            heads = [LaneHead(partition, destination, place) for place in list(lane)[:2]]
            if not all(await asyncio.gather(*(head.deliver() for head in heads))):
                return
            for _ in heads:
                lane.popleft()
        del destination.lanes[name]

    monkeypatch.setattr("agents.partition.run_lane", run_two)


@mutant
def without_a_bound_of_threads_to_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Outage, "has_room", True)


@mutant
def telling_those_whose_messages_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Notices, "_waits", lambda self, key, record: True)


@mutant
def without_going_back_to_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Destination, "readmit", lambda self, lane, live_position: None)


@mutant
def with_cursors_beyond_threads_that_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PassedOver, "lowest", lambda self: None)


@mutant
def going_on_too_early_from_a_thread_that_was_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep returns to where it had been although it went back for another thread as well."""
    original = PassedOver.pass_over

    def pass_over(self: PassedOver, lane: str, offset: int) -> int:
        if lane in self._returning:
            self._returning.intersection_update({lane})
        return original(self, lane, offset)

    monkeypatch.setattr(PassedOver, "pass_over", pass_over)


@mutant
def redriving_what_had_been_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    original = world._plan

    def plan(*arguments: Any) -> Delivery | None:
        delivery = original(*arguments)
        return msgspec.structs.replace(delivery, taken=0) if delivery is not None else None

    monkeypatch.setattr(world, "_plan", plan)
