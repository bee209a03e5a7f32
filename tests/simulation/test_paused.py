"""A tenant that is paused is not called any more, whatever was waiting for its turn."""

from __future__ import annotations

import asyncio

from schemas.tenant import Pause
from tests.simulation.staged import Stage

PAUSE = Pause(platforms=("genesys",), reason="maintenance", at="2026-01-01T00:00:00.000Z", by="operator")


def test_a_delivery_that_waits_for_the_rate_limit_is_not_sent_once_its_tenant_is_paused() -> None:
    stage = Stage()
    # One call a second, so that most of the threads wait for a permit when the pause comes.
    stage.tenant = stage.add_tenant(stage.tenant.id, 60)
    threads = 20

    async def course() -> tuple[int, int, int]:
        for number in range(threads):
            stage.say(f"thread {number}")
        await asyncio.sleep(5.0)
        stage.world.by_name[stage.tenant.id] = stage.tenant.with_pause(PAUSE)
        await asyncio.sleep(1.0)
        before = accepted(stage)
        await asyncio.sleep(30.0)
        during = accepted(stage)
        stage.world.by_name[stage.tenant.id] = stage.tenant
        await stage.settle()
        return before, during, accepted(stage)

    before, during, after = stage.play(course)
    assert 0 < before < threads
    assert during == before
    assert after == threads


def accepted(stage: Stage) -> int:
    return sum(arrival.accepted for arrival in stage.world.books.arrivals)
