"""A whole sender that always has more to send than Genesys allows: it uses the allowance up, and is never refused."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from tests.simulation.budget import SECONDS, Budget
from tests.simulation.staged import Stage
from tests.simulation.world import spawn

WINDOWS = 5
THREADS = 120
ENOUGH = 0.95


class CountedBudget(Budget):
    """The platform's own count, and when each call that it granted came."""

    def __init__(self, allowed: int) -> None:
        super().__init__(allowed)
        self.granted: list[float] = []

    def take(self, now: float, calls: int = 1) -> bool:
        """As the platform does."""
        granted = super().take(now, calls)
        if granted:
            self.granted.append(now)
        return granted


@dataclass(frozen=True)
class Load:
    """What there is to send, and by how much."""

    #: Facts that are in the log when the process starts.
    backlog: int = 0
    #: Facts a second that come while it runs.
    live: float = 0.0
    #: Calls a minute that are configured for each OAuth client.
    configured: tuple[int, ...] = (300,)
    #: What the platform really allows each, where it differs.
    allowed: tuple[int, ...] | None = None


class OverloadedStage(Stage):
    """A tenant with more to send than its clients may, in threads mixed."""

    def __init__(self, load: Load) -> None:
        super().__init__()
        self._load = load
        self.use_clients(*load.configured)
        allowed = load.allowed or load.configured
        self.budgets = {f"client-{number}": CountedBudget(calls) for number, calls in enumerate(allowed)}
        self.world.genesys.budgets.update(self.budgets)

    def before(self) -> None:
        for number in range(self._load.backlog):
            self.say(f"thread {number % THREADS}")

    async def course(self) -> None:
        """Bring what comes meanwhile, until the windows that are looked at are over."""
        loop, number = asyncio.get_running_loop(), 0
        while loop.time() < WINDOWS * SECONDS + 10.0:
            await asyncio.sleep(1.0 / self._load.live if self._load.live else 1.0)
            if self._load.live:
                number += 1
                self.say(f"thread {number % THREADS}")

    def shares(self) -> list[float]:
        """Of each client, the share used of what its windows granted at most, from its first call on."""
        return [share(budget.granted, budget.allowed) for budget in self.budgets.values()]

    def refused(self) -> int:
        """Calls that the platform answered with 429."""
        return sum(budget.used_up for budget in self.budgets.values())


def share(granted: list[float], allowed: int) -> float:
    """Of the calls that windows of a minute allow: no more than these can begin in so many minutes."""
    return sum(at < granted[0] + WINDOWS * SECONDS for at in granted) / (WINDOWS * allowed)


LOADS = {
    "a backlog": Load(backlog=2000),
    "a live stream": Load(live=8.0),
    "a backlog and a live stream": Load(backlog=1000, live=6.0),
    "a backlog, two clients": Load(backlog=2600, configured=(300, 120)),
    "a live stream, two clients": Load(live=10.0, configured=(300, 120)),
    "a backlog, allowed less than configured": Load(backlog=1000, allowed=(120,)),
    "a backlog, allowed more than configured": Load(backlog=4000, allowed=(600,)),
}


@pytest.mark.parametrize("name", LOADS)
def test_under_overload_the_allowance_is_used_and_nothing_is_refused(name: str) -> None:
    stage = OverloadedStage(LOADS[name])
    stage.play(stage.course)
    print(f"{name}: used {stage.shares()}, refused {stage.refused()}")
    assert min(stage.shares()) >= ENOUGH
    assert stage.refused() == 0


def test_the_allowance_is_used_although_the_partition_goes_to_another_process() -> None:
    stage = OverloadedStage(Load(backlog=2000))

    async def course() -> None:
        spawn(stage.world.write_behind())
        await asyncio.sleep(100.0)
        stage.world.kill(stage.world.members["p1"])
        await stage.course()

    stage.play(course)
    print(f"used {stage.shares()}, refused {stage.refused()}")
    assert min(stage.shares()) >= ENOUGH
    assert stage.refused() == 0
