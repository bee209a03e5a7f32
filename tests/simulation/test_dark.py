"""A platform that is dark for one tenant costs the others of its partition nothing, and the sweep reads facts once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from agents.slots import Slots, Standing
from schemas.envelope import time_of_milliseconds
from schemas.tenant import Tenant
from tests.simulation.clock import run_virtually
from tests.simulation.facts import Said, fact
from tests.simulation.judge import judge
from tests.simulation.platform import Weather
from tests.simulation.scenario import PARTITIONS, Scenario

THREADS = 40
SEED = 11


@dataclass(frozen=True)
class Outcome:
    """What the tenant that works met, and what the sweep read."""

    #: Longest time from the append of its message to the arrival of its call, in virtual seconds.
    longest_wait: float
    facts: int
    swept: float
    violations: list[str]


class DarkScenario(Scenario):
    """Two tenants on one partition, one of which is dark for a while."""

    def __init__(self, seed: int, darkness: Weather) -> None:
        super().__init__(seed)
        self.dark, self.well = (self.tenants[0].model_copy(update={"id": id}) for id in ("dark", "well"))
        self.tenants = [self.dark, self.well]
        self.settings = self.settings.model_copy(
            update={"places": 16, "finished_places": 1024, "checkpoint_records": 1000, "call_timeout": 10.0}
        )
        self.platform._timeout = 10.0
        self.platform.weather["dark"] = darkness
        self._appended: dict[str, float] = {}
        self._numbers: dict[str, int] = {}

    async def run_dark(self, turns: int, burst: int, pause: float) -> Outcome:
        """So often the dark tenant gets one message and the other a burst of them, then the dark one is healed."""
        self._start()
        await asyncio.sleep(5.0)
        for thread in range(THREADS):
            self._say(self.dark, thread)
        for turn in range(turns):
            self._say(self.dark, turn)
            for each in range(burst):
                self._say(self.well, turn + each)
            await asyncio.sleep(pause)
        self.platform.weather.clear()
        # While the backlog goes out, bursts put the other one behind again and again, far from where that is.
        for turn in range(turns):
            for each in range(3 * self.settings.places if turn % 50 == 0 else burst):
                self._say(self.well, turn + each)
            await asyncio.sleep(pause)
        settled = await self._settle()
        assert settled, self._state()
        waits = [a.at - self._appended[a.delivery] for a in self.platform.books.arrivals if a.tenant == "well"]
        facts = len(self.log.records["events", self.dark.partition])
        swept = sum(metrics.swept._value.get() for metrics in self.metrics)
        return Outcome(max(waits), facts, swept, judge(self.gateway.said, self.platform.books, self.log, PARTITIONS))

    def _say(self, tenant: Tenant, thread: int) -> None:
        name = f"{tenant.id}/{thread % THREADS}"
        number = self._numbers[name] = self._numbers.get(name, -1) + 1
        said = Said(tenant, name, number, 1)
        self.gateway.said.append(said)
        self._appended[said.id] = asyncio.get_running_loop().time()
        self.gateway._append(said, fact(said, self.log, time_of_milliseconds(self.log.now_ms())))


def test_a_silent_platform_does_not_hold_the_slots_of_the_others() -> None:
    outcome = run_virtually(DarkScenario(SEED, Weather(silent=1.0)).run_dark(turns=100, burst=1, pause=0.2))
    assert outcome.violations == []
    assert outcome.longest_wait < 3.0


def test_without_shares_it_would(monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def slot(self: Slots, _: Standing) -> AsyncIterator[None]:
        everybody = self.__dict__.setdefault("everybody", asyncio.Semaphore(self._free))
        async with everybody:
            yield

    monkeypatch.setattr(Slots, "slot", slot)
    outcome = run_virtually(DarkScenario(SEED, Weather(silent=1.0)).run_dark(turns=100, burst=1, pause=0.2))
    assert outcome.longest_wait >= 3.0


def test_the_sweep_reads_a_backlog_once_while_others_fall_behind_elsewhere() -> None:
    outcome = run_virtually(DarkScenario(SEED, Weather(unreachable=1.0)).run_dark(turns=600, burst=2, pause=0.2))
    print(f"{outcome.swept:.0f} records read of {outcome.facts}")
    assert outcome.violations == []
    assert outcome.swept < 2 * outcome.facts
