"""An agent is told once that a message was given up, however many owners have said so."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from schemas.tenant import Pause
from streams.log import Appended
from tests.simulation.log import SimulatedWriter
from tests.simulation.network import CALM
from tests.simulation.staged import Stage

PAUSE = Pause(platforms=("whatsapp",), reason="maintenance", at="2026-01-01T00:00:00.000Z", by="operator")
THREAD = "thread-1".ljust(22, "_")


def test_a_successor_that_gives_up_long_afterwards_does_not_tell_again(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, append = Stage(duplicate_window=20.0), SimulatedWriter.append
    world, name = stage.world, stage.tenant.id

    async def killed_after_the_first_status(
        writer: SimulatedWriter, topic: str, partition: int, *given: Any, **more: Any
    ) -> Appended:
        appended = await append(writer, topic, partition, *given, **more)
        if ("type", b"status.failed") in more.get("headers", ()) and statuses(stage) == 1:
            world.by_name[name] = stage.tenant.with_pause(PAUSE)
            world.kill(world.group.members[0])
            await asyncio.sleep(0.0)
        return appended

    monkeypatch.setattr(SimulatedWriter, "append", killed_after_the_first_status)

    async def course() -> None:
        world.whatsapp.weather[name] = replace(CALM, refused=1.0)
        stage.reply(THREAD)
        # Longer than what a duplicate window holds, which forgets by what it takes in.
        for _ in range(6):
            await asyncio.sleep(10.0)
            stage.say("another")
        world.by_name[name] = stage.tenant
        await asyncio.sleep(10.0)
        world.whatsapp.weather.clear()
        await stage.settle()

    stage.play(course)
    assert sum(a.accepted and a.name.startswith("receipt") for a in world.books.arrivals) == 1
    assert statuses(stage) == 1
    assert stage.verdict().violations == []


def statuses(stage: Stage) -> int:
    return sum(record.header("type") == b"status.failed" for record in stage.world.log.records["events", 0])
