"""When a platform is back, everybody behind it is served again, and what retention took meanwhile is said."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tests.simulation.network import CALM
from tests.simulation.staged import Stage
from tests.simulation.trail import read_trail

DARK = replace(CALM, unreachable=1.0)


def test_a_probe_that_has_grown_too_old_leaves_its_turn_to_the_next() -> None:
    stage = Stage(message_max_age=20.0)

    async def course() -> bool:
        stage.world.genesys.weather[stage.tenant.id] = DARK
        for thread in ("thread 1", "thread 2"):
            stage.say(thread)
        # Whichever probe comes next finds its message too old, and makes no call.
        await asyncio.sleep(25.0)
        stage.world.genesys.weather.clear()
        late = stage.say("thread 3")
        await stage.settle()
        return any(a.accepted and a.name == late.id for a in stage.world.books.arrivals)

    assert stage.play(course)


def test_what_retention_took_from_a_running_sender_is_a_gap_and_the_process_goes_on() -> None:
    stage = Stage(places=2)

    async def course() -> list[str]:
        stage.world.genesys.weather[stage.tenant.id] = DARK
        for number in range(20):
            stage.say(f"thread {number}")
        await asyncio.sleep(5.0)
        stage.world.log.trim("events", stage.tenant.partition, 10)
        stage.world.genesys.weather.clear()
        await stage.settle()
        return [a.name for a in stage.world.books.arrivals if a.accepted]

    arrived = stage.play(course)
    assert len(stage.world.members) == 1
    assert 10 <= len(arrived) < 20
    assert [gap[:3] for gap in _gaps(stage)] == [(stage.tenant.partition, stage.tenant.id, "genesys")]


class LateStage(Stage):
    """The log has lost its first facts before anybody ever sent."""

    def before(self) -> None:
        for _ in range(3):
            self.say("thread 1")
        self.world.log.trim("events", self.tenant.partition, 2)


def test_a_first_start_behind_the_start_of_the_log_says_what_nobody_has_sent() -> None:
    stage = LateStage()
    assert stage.play(stage.settle)
    assert sum(a.accepted for a in stage.world.books.arrivals) == 1
    assert (stage.tenant.partition, stage.tenant.id, "genesys", 0) in {gap[:4] for gap in _gaps(stage)}


def _gaps(stage: Stage) -> list[tuple[int, str, str, int, int]]:
    partition = stage.tenant.partition
    return read_trail({partition: stage.world.log.records["outcomes", partition]}).gaps
