"""One message that the platform can never take must cost its own thread time, and nobody else anything."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from agents import circuit, fortune
from tests.simulation.network import Answer, Exchange, Request
from tests.simulation.staged import Stage

THREADS, MESSAGES = 4, 30
BROKEN = Answer(500, {"code": "internal.server.error", "message": "this one breaks me"})


@dataclass(frozen=True)
class Outcome:
    """What became of the bad message, of the rest of its thread, and of everybody else (virtual seconds)."""

    longest_wait_of_others: float
    rest_in_order: bool
    given_up: bool


class PoisonedStage(Stage):
    """A second of talk in every thread, in calm weather; the first message of the first thread is the bad one."""

    poison = ""

    def __init__(self, answer: Answer = BROKEN, gap: float = 0.25, **settings: Any) -> None:
        """The bad message gets ``answer``; somebody says something each ``gap`` seconds."""
        super().__init__(**settings)
        self._answer, self._gap = answer, gap
        self._take = self.world.genesys.take
        self.world.genesys.take = self._take_but_one  # type: ignore[method-assign]

    def _take_but_one(self, request: Request, exchange: Exchange) -> None:
        """One message is answered like that for ever."""
        if request.body.get("channel", {}).get("messageId") == self.poison:
            exchange.answer(0.02, self._answer)
        else:
            self._take(request, exchange)

    async def course(self) -> Outcome:
        """Run until everything has settled, or for ever so long."""
        appended: dict[str, float] = {}
        own: list[str] = []
        for number in range(THREADS * MESSAGES):
            await asyncio.sleep(self._gap)
            event = self.say(f"thread {number % THREADS}")
            appended[event.id] = asyncio.get_running_loop().time()
            if number % THREADS == 0:
                own.append(event.id)
                self.poison = own[0]
        await self.settle()
        arrivals = [a for a in self.world.books.arrivals if a.accepted]
        waits = [a.at - appended[a.name] for a in arrivals if a.name not in own]
        in_order = [a.name for a in arrivals if a.name in own] == own[1:]
        return Outcome(max(waits), in_order, bool(self.world.log.records["dead-letters", self.tenant.partition]))


def test_what_our_own_code_trips_over_is_given_up_and_ends_no_process() -> None:
    stage = PoisonedStage(Answer(error=RuntimeError("a fault of ours")), gap=2.0)
    outcome = stage.play(stage.course)
    assert outcome.given_up
    assert outcome.rest_in_order
    assert outcome.longest_wait_of_others < 0.5
    assert stage.world.reached["ended itself"] == 0


def test_a_bad_message_is_given_up_and_delays_only_its_own_thread() -> None:
    stage = PoisonedStage()
    outcome = stage.play(stage.course)
    assert outcome.given_up
    assert outcome.rest_in_order
    assert outcome.longest_wait_of_others < 0.5


def test_without_the_rule_of_two_threads_it_would_hold_the_circuit_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circuit, "THREADS", 1)
    stage = PoisonedStage()
    outcome = stage.play(stage.course)
    assert not outcome.given_up or outcome.longest_wait_of_others >= 0.5


#: What would be waited for if the platform were at fault: the others show that it is not.
WAITED_FOR = {
    "unavailable": (Answer(503, {"code": "service.unavailable", "message": "not now"}), 0.5, 4),
    "connection lost": (Answer(error=ConnectionResetError()), 0.5, 4),
    "not found": (Answer(404, {"code": "not.found", "message": "no such thing"}), 2.0, 3),
}


def with_one_that_fails(name: str) -> Outcome:
    answer, gap, attempts = WAITED_FOR[name]
    stage = PoisonedStage(answer, gap, delivery_attempts=attempts)
    return stage.play(stage.course)


@pytest.mark.parametrize("name", WAITED_FOR)
def test_a_message_that_fails_where_all_others_get_through_is_given_up(name: str) -> None:
    outcome = with_one_that_fails(name)
    assert outcome.given_up
    assert outcome.rest_in_order
    # Three lost connections in a row open the circuit, until the first probe of another thread.
    assert outcome.longest_wait_of_others < (circuit.FIRST_PROBE + 0.5 if name == "connection lost" else 0.5)


def test_without_a_look_at_the_others_it_would_be_tried_until_it_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fortune, "TAKEN_FOR_EACH_FAILED", float("nan"))
    assert not with_one_that_fails("not found").given_up
