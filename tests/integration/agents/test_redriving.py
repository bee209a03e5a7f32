"""What was given up is sent once it is redriven, in the order of the log, and given up again if need be."""

import asyncio
import time

import pytest

from schemas.envelope import decode, decode_data
from schemas.events import StatusData
from schemas.outcomes import Accepted, Ended
from streams.redriving import redrive_tenant
from streams.settling import Intervention, Settled
from tests.integration.agents.conftest import World, now

pytestmark = pytest.mark.integration

REFUSED = {"match": {"operation": "message"}, "do": "status 400", "share": 1.0, "for": 600}


async def redrive(world: World) -> list[Settled]:
    why = Intervention(reason="corrected", by="op", at=now())
    return await redrive_tenant(
        world.settings, world.writer, "acme", world.tenant.partition, "", why, lambda _what, _done, _all: None
    )


async def test_what_is_redriven_arrives_once_in_the_order_of_the_log(world: World) -> None:
    await world.faults("genesys", REFUSED)
    world.start()
    facts = [await world.says(f"44770090000{n % 2}", f"wamid.{n}", f"text {n}") for n in range(6)]
    await world.recorded("delivery.dead_lettered", 6)
    await world.faults("genesys")
    assert len(await redrive(world)) == 6
    await world.received("genesys", 6)
    assert await redrive(world) == []
    await world.says("447700900000", "wamid.last", "last")
    rows = await world.received("genesys", 7)
    for customer, expected in (
        ("447700900000", ["text 0", "text 2", "text 4", "last"]),
        ("447700900001", ["text 1", "text 3", "text 5"]),
    ):
        assert [row["body"]["text"] for row in rows if row["customer"] == customer] == expected
    accepted = {decode_data(event, Accepted).delivery for event in await world.recorded("delivery.accepted", 7)}
    assert accepted > {fact.id for fact in facts}


async def given_up(world: World, delivery: str, times: int, seconds: float = 40) -> None:
    """Wait until the delivery has been given up that often."""
    deadline = time.monotonic() + seconds
    while True:
        ended = [decode_data(event, Ended) for event in await world.outcomes("delivery.dead_lettered")]
        if sum(one.delivery == delivery for one in ended) >= times:
            return
        assert time.monotonic() < deadline, f"not given up {times} times within {seconds} s"
        await asyncio.sleep(0.05)


async def test_what_is_given_up_again_has_a_letter_of_its_own(world: World) -> None:
    await world.faults("whatsapp", REFUSED)
    world.start()
    fact = await world.answers("447700900123", "c327c2078ca056db130c55ce648d9fa2", "Hello Ann")
    await given_up(world, fact.id, 1)
    (first,) = (one for one in await redrive(world) if fact.id in one.detail)
    await given_up(world, fact.id, 2)
    await world.faults("whatsapp")
    (second,) = (one for one in await redrive(world) if fact.id in one.detail)
    assert first.id != second.id and second.detail.startswith("redrive 2 of")
    (row,) = await world.received("whatsapp", 1)
    assert row["body"]["text"]["body"] == "Hello Ann"
    failed = [decode(r.value) for r in await world.records("events") if r.header("type") == b"status.failed"]
    assert {decode_data(one, StatusData).message for one in failed} == {fact.id}
