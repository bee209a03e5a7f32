"""A platform that is dark for one tenant costs the others of its partition nothing, and the sweep reads facts once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from agents.slots import Slots, Standing
from schemas.tenant import Tenant
from tests.simulation.network import Weather
from tests.simulation.staged import Stage
from tests.simulation.world import METRICS

THREADS = 40


@dataclass(frozen=True)
class Outcome:
    """What the tenant that works met, and what the sweep read."""

    #: Longest time from the append of its message to the arrival of its call, in virtual seconds.
    longest_wait: float
    facts: int
    swept: float
    violations: list[str]


class DarkStage(Stage):
    """Two tenants on one partition, one of which is dark for a while."""

    def __init__(self, darkness: Weather) -> None:
        super().__init__(places=16, checkpoint_records=1000, call_timeout=10.0)
        self.dark, self.well = (self.add_tenant(name, 6000) for name in ("dark", "well"))
        self._darkness = darkness
        self._appended: dict[str, float] = {}

    async def run_dark(self, turns: int, burst: int, pause: float) -> Outcome:
        """So often the dark tenant gets one message and the other a burst of them, then the dark one is healed."""
        world, swept = self.world, METRICS.swept._value.get()
        # So that it has its token.
        self._say(self.dark, 0)
        await asyncio.sleep(2.0)
        world.genesys.weather["dark"] = self._darkness
        for thread in range(THREADS):
            self._say(self.dark, thread)
        for turn in range(turns):
            self._say(self.dark, turn)
            for each in range(burst):
                self._say(self.well, turn + each)
            await asyncio.sleep(pause)
        world.genesys.weather.clear()
        # While the backlog goes out, bursts put the other one behind again and again, far from where that is.
        for turn in range(turns):
            for each in range(3 * world.settings.places if turn % 50 == 0 else burst):
                self._say(self.well, turn + each)
            await asyncio.sleep(pause)
        assert await self.settle(), self._state()
        waits = [a.at - self._appended[a.name] for a in world.books.arrivals if a.name in self._appended]
        facts = len(world.log.records["events", self.dark.partition])
        return Outcome(max(waits), facts, METRICS.swept._value.get() - swept, self.verdict().violations)

    def _say(self, tenant: Tenant, thread: int) -> None:
        event = self.say(f"{tenant.id}/{thread % THREADS}", tenant)
        if tenant is self.well:
            self._appended[event.id] = asyncio.get_running_loop().time()


def run_dark(darkness: Weather, turns: int, burst: int, pause: float) -> Outcome:
    stage = DarkStage(darkness)
    return stage.play(lambda: stage.run_dark(turns, burst, pause))


def test_a_silent_platform_does_not_hold_the_slots_of_the_others() -> None:
    outcome = run_dark(Weather(silent=1.0), turns=100, burst=1, pause=0.2)
    assert outcome.violations == []
    assert outcome.longest_wait < 3.0


def test_without_shares_it_would(monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def slot(self: Slots, _: Standing) -> AsyncIterator[None]:
        everybody = self.__dict__.setdefault("everybody", asyncio.Semaphore(self._free))
        async with everybody:
            yield

    monkeypatch.setattr(Slots, "slot", slot)
    outcome = run_dark(Weather(silent=1.0), turns=100, burst=1, pause=0.2)
    assert outcome.longest_wait >= 3.0


def test_the_sweep_reads_a_backlog_once_while_others_fall_behind_elsewhere() -> None:
    outcome = run_dark(Weather(unreachable=1.0), turns=600, burst=2, pause=0.2)
    print(f"{outcome.swept:.0f} records read of {outcome.facts}")
    assert outcome.violations == []
    assert outcome.swept < 2 * outcome.facts
