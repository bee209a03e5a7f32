"""A thread is told once of an outage, whoever tells it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

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
