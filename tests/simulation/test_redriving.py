"""A long message of which a part was refused: only what had not been taken is sent again."""

from __future__ import annotations

import asyncio

from schemas.whatsapp.callback import decode_callback
from tests.simulation.network import Answer, Exchange, Request
from tests.simulation.staged import Stage

#: As long as a real one: what the call carries back names it.
THREAD = "t0-thread-0___________"
REFUSED = Answer(400, {"error": {"code": 131026, "message": "not now"}})


def test_a_redrive_begins_with_the_part_that_was_refused() -> None:
    stage = Stage()
    stage.world.whatsapp.tenants[stage.tenant.channels[0].phone_number_id] = stage.tenant
    take, is_willing = stage.world.whatsapp.take, asyncio.Event()

    def refuse_the_second(request: Request, exchange: Exchange) -> None:
        sent = decode_callback(request.body["biz_opaque_callback_data"])
        if sent is not None and sent.part == 2 and not is_willing.is_set():
            exchange.answer(0.02, REFUSED)
        else:
            take(request, exchange)

    stage.world.whatsapp.take = refuse_the_second  # type: ignore[method-assign]

    async def course() -> None:
        stage.world.gateway.append(stage.tenant, stage.world.gateway.composed(stage.tenant, THREAD, parts=3))
        await asyncio.sleep(30.0)
        is_willing.set()
        stage.world.operator.redrive(stage.tenant.partition, 1.0)
        assert await stage.settle()

    stage.play(course)
    assert [a.part for a in stage.world.books.arrivals if a.accepted and a.platform == "whatsapp"] == [1, 2, 3]
