"""An attempt that is shown too late to be trusted leaves nothing to find out: the log says that no call was made."""

from __future__ import annotations

import asyncio

from schemas.envelope import decode, decode_data
from schemas.outcomes import Failed
from tests.simulation.staged import Stage


def test_an_attempt_that_is_shown_too_late_is_closed_and_made_anew() -> None:
    stage = Stage()

    async def course() -> None:
        stage.world.log.away = True
        stage.say("thread 1")
        await asyncio.sleep(2.0)
        stage.world.log.away = False
        await stage.settle()

    stage.play(course)
    events = [decode(record.value) for record in stage.world.log.records["outcomes", stage.tenant.partition]]
    deliveries = [event for event in events if event.type.startswith("delivery.")]
    assert [event.type for event in deliveries] == [
        "delivery.attempted",
        "delivery.failed",
        "delivery.attempted",
        "delivery.accepted",
    ]
    assert decode_data(deliveries[1], Failed).failure.code == "not_called"
    assert len([a for a in stage.world.books.arrivals if a.accepted]) == 1
