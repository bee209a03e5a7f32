"""A thread is told once of an outage, whoever tells it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from agents.notices import Notices
from streams.log import Appended
from tests.simulation.log import SimulatedWriter
from tests.simulation.network import CALM
from tests.simulation.staged import Stage

THREADS = ("thread-1".ljust(22, "_"), "thread-2".ljust(22, "_"))
DARK = replace(CALM, unreachable=1.0)


def test_a_successor_does_not_tell_again_when_the_first_message_has_grown_too_old() -> None:
    stage = Stage(message_max_age=20.0)
    stage.tenant = stage.tenant.model_copy(update={"outage_notice": "please wait"})
    stage.world.by_name[stage.tenant.id] = stage.tenant

    async def course() -> None:
        stage.world.genesys.weather[stage.tenant.id] = DARK
        for thread in THREADS:
            stage.say(thread)
        await asyncio.sleep(15.0)
        for thread in THREADS:
            stage.say(thread)
        # The first ones have grown too old, and no probe has met that yet.
        await asyncio.sleep(5.5)
        [owner] = stage.world.group.members
        stage.world.kill(owner)
        await asyncio.sleep(12.0)
        stage.world.genesys.weather.clear()
        await stage.settle()

    stage.play(course)
    assert stage.verdict().violations == []


class StoppedWhileItTells(Stage):
    """A process is stopped while it tells of an outage, and wakes when its successor has told of the next one."""

    def __init__(self) -> None:
        super().__init__()
        self.tenant = self.tenant.model_copy(update={"outage_notice": "please wait"})
        self.world.by_name[self.tenant.id] = self.tenant
        self._stopped = asyncio.Event()

    async def stop(self) -> None:
        """Stop the process, if it is the first one; returns when it runs again."""
        if not self._stopped.is_set():
            self._stopped.set()
            [zombie] = self.world.group.members
            self.world.stop_and_wake(zombie, at_least=24.9)
            await zombie.process.gate()

    async def told_late(self) -> int:
        """How many notices came from the process after it woke."""
        weather, name, thread = self.world.genesys.weather, self.tenant.id, THREADS[0]
        weather[name] = DARK
        self.say(thread)
        await self._stopped.wait()
        # The outage is over before the successor has told of it.
        weather.clear()
        await asyncio.sleep(8.0)
        weather[name] = DARK
        self.say(thread)
        await asyncio.sleep(14.0)
        before = self._notices()
        await asyncio.sleep(5.0)
        late = self._notices() - before
        weather.clear()
        await self.settle()
        assert (before, self.world.reached["zombie woke"]) == (1, 1)
        return late

    def _notices(self) -> int:
        return sum(record.header("type") == b"message.composed" for record in self.world.log.records["events", 0])


def test_a_process_stopped_after_its_look_does_not_tell_of_what_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, look = StoppedWhileItTells(), Notices._knows_the_log

    async def stopped_after_it(*given: Any) -> bool:
        known = await look(*given)
        await stage.stop()
        return known

    monkeypatch.setattr(Notices, "_knows_the_log", stopped_after_it)
    assert stage.play(stage.told_late) == 0
    assert stage.verdict().violations == []


def test_what_is_under_way_to_the_broker_when_a_process_stops_may_be_told_late(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, append = StoppedWhileItTells(), SimulatedWriter.append

    async def stopped_before_it(writer: SimulatedWriter, topic: str, *given: Any, **more: Any) -> Appended:
        if ("type", b"message.composed") in more.get("headers", ()):
            await stage.stop()
        return await append(writer, topic, *given, **more)

    monkeypatch.setattr(SimulatedWriter, "append", stopped_before_it)
    assert stage.play(stage.told_late) == 1
    verdict = stage.verdict()
    assert (verdict.violations, verdict.reached["notice of a zombie"]) == ([], 1)
