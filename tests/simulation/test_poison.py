"""One message that the platform can never take must cost its own thread time, and nobody else anything."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from agents import circuit
from agents.answers import Answer, Refused
from schemas.delivery import Call
from schemas.envelope import time_of_milliseconds
from schemas.tenant import Tenant
from tests.simulation.clock import run_virtually
from tests.simulation.facts import Said, fact
from tests.simulation.judge import read_trail
from tests.simulation.platform import SimulatedPlatform
from tests.simulation.process import Process
from tests.simulation.scenario import CALL_TIMEOUT, PARTITIONS, Scenario

THREADS, MESSAGES = 4, 30


class PoisonablePlatform(SimulatedPlatform):
    """Answers one message with an error of its own, for ever."""

    poison = ""

    async def call(self, process: Process, tenant: Tenant, call: Call) -> Answer:
        if call.body["delivery"] == self.poison:
            await asyncio.sleep(0.02)
            return Refused(500, "internal.server.error", "this one breaks me")
        return await super().call(process, tenant, call)


@dataclass(frozen=True)
class Outcome:
    """What became of the bad message, of the rest of its thread, and of everybody else (virtual seconds)."""

    longest_wait_of_others: float
    rest_in_order: bool
    given_up: bool


class PoisonScenario(Scenario):
    """A second of talk in every thread, in calm weather; the first message of the first thread is the bad one."""

    async def run_poisoned(self) -> Outcome:
        """Run until everything has settled, or for ever so long."""
        self.platform = platform = PoisonablePlatform(self.random, self.log, CALL_TIMEOUT)
        self.settings = self.settings.model_copy(update={"places": 64, "finished_places": 1024})
        tenant = self.tenants[0]
        said = [Said(tenant, f"thread {t}", n, 1) for n in range(MESSAGES) for t in range(THREADS)]
        platform.poison = said[0].id
        self._start()
        await asyncio.sleep(5.0)
        appended: dict[str, float] = {}
        for message in said:
            await asyncio.sleep(0.25)
            appended[message.id] = asyncio.get_running_loop().time()
            event = fact(message, self.log, time_of_milliseconds(self.log.now_ms()))
            self.gateway._append(message, event)
        await self._settle()
        waits = [a.at - appended[a.delivery] for a in platform.books.arrivals if a.thread != said[0].thread]
        own = [a.delivery for a in platform.books.arrivals if a.thread == said[0].thread]
        in_order = own == [m.id for m in said if m.thread == said[0].thread][1:]
        return Outcome(max(waits), in_order, platform.poison in read_trail(self.log, PARTITIONS).ended)


def test_a_bad_message_is_given_up_and_delays_only_its_own_thread() -> None:
    outcome = run_virtually(PoisonScenario(7).run_poisoned())
    assert outcome.given_up
    assert outcome.rest_in_order
    assert outcome.longest_wait_of_others < 0.5


def test_without_the_rule_of_two_threads_it_would_hold_the_circuit_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circuit, "THREADS", 1)
    outcome = run_virtually(PoisonScenario(7).run_poisoned())
    assert not outcome.given_up or outcome.longest_wait_of_others >= 0.5
