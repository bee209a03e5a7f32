"""One message that the platform can never take must cost its own thread time, and nobody else anything."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from agents import circuit
from tests.simulation.network import Answer, Exchange, Request
from tests.simulation.staged import Stage

THREADS, MESSAGES = 4, 30


@dataclass(frozen=True)
class Outcome:
    """What became of the bad message, of the rest of its thread, and of everybody else (virtual seconds)."""

    longest_wait_of_others: float
    rest_in_order: bool
    given_up: bool


class PoisonedStage(Stage):
    """A second of talk in every thread, in calm weather; the first message of the first thread is the bad one."""

    poison = ""

    def __init__(self) -> None:
        super().__init__()
        self._take = self.world.genesys.take
        self.world.genesys.take = self._take_but_one  # type: ignore[method-assign]

    def _take_but_one(self, request: Request, exchange: Exchange) -> None:
        """One message is answered with an error of the platform's own, for ever."""
        if request.body.get("channel", {}).get("messageId") == self.poison:
            exchange.answer(0.02, Answer(500, {"code": "internal.server.error", "message": "this one breaks me"}))
        else:
            self._take(request, exchange)

    async def course(self) -> Outcome:
        """Run until everything has settled, or for ever so long."""
        appended: dict[str, float] = {}
        own: list[str] = []
        for number in range(THREADS * MESSAGES):
            await asyncio.sleep(0.25)
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
