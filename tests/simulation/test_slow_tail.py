"""What a sender needs to know of its own attempt it knows at once, however far its tail is behind."""

from __future__ import annotations

import asyncio

import aiohttp

from tests.simulation.network import Exchange, Request
from tests.simulation.staged import Stage
from tests.simulation.test_paused import accepted

#: More than a look-up reads the details of.
SAID_BEFORE = 8


def test_a_lost_call_of_a_long_conversation_is_found_out_about_before_the_tail_has_shown_its_attempt() -> None:
    stage = Stage()
    stage.tenant = stage.tenant.model_copy(update={"on_ambiguous": "hold"})
    stage.world.by_name[stage.tenant.id] = stage.tenant
    lost: list[Request] = []
    take = stage.world.genesys.take

    def lose_one(request: Request, exchange: Exchange) -> None:
        if accepted(stage) == SAID_BEFORE and not lost:
            lost.append(request)
            exchange.fail(0.001, aiohttp.ServerDisconnectedError())
        else:
            take(request, exchange)

    stage.world.genesys.take = lose_one  # type: ignore[method-assign]

    async def course() -> None:
        for reader in stage.world.readers:
            reader.pace = 0.5
        for _ in range(SAID_BEFORE + 1):
            stage.say("thread")
            await asyncio.sleep(2.0)
        assert await stage.settle()

    stage.play(course)
    assert len(lost) == 1
    assert accepted(stage) == SAID_BEFORE + 1
    assert stage.world.log.records["dead-letters", stage.tenant.partition] == []
