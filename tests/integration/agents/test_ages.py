"""Each kind has a maximum age; what is older ends as expired, without a call, and its agent is told."""

import time

import pytest

from schemas.envelope import Envelope, decode_data, envelope
from schemas.events import StatusData, StatusPersonal
from schemas.ids import genesys_message_id
from schemas.outcomes import Ended
from tests.integration.agents.conftest import NUMBER, World, now

pytestmark = pytest.mark.integration

ANN, GENESYS_ID = "447700900123", "c327c2078ca056db130c55ce648d9fa2"


def delivered(world: World, at: str) -> Envelope:
    """That a message was delivered demands its receipt."""
    message = genesys_message_id(world.tenant.id, GENESYS_ID)
    data = StatusData(channel=NUMBER, message=message, genesys_id=GENESYS_ID, personal=StatusPersonal(customer=ANN))
    return envelope(
        id=f"delivered-{at}",
        type="status.delivered",
        source="whatsapp/77",
        time=at,
        recordedtime=now(),
        data=data,
        tenantid=world.tenant.id,
        subject="thread",
    )


async def expired(world: World, delivery: str) -> None:
    (ended,) = await world.recorded("delivery.expired", 1)
    assert (decode_data(ended, Ended).delivery, decode_data(ended, Ended).failure.code) == (delivery, "expired")
    assert await world.outcomes("delivery.attempted") == []
    assert await world.records("dead-letters") == []


async def test_a_customers_message(world: World) -> None:
    world.start(message_max_age=60.0)
    fact = await world.says(ANN, "wamid.old", "old", at=time.time() - 61)
    await expired(world, fact.id)
    await world.says(ANN, "wamid.new", "new")
    (row,) = await world.received("genesys", 1)
    assert row["body"]["text"] == "new"


async def test_an_agents_message_whose_agent_is_told(world: World) -> None:
    world.start(message_max_age=60.0)
    await world.answers(ANN, GENESYS_ID, "old", at=time.time() - 61)
    (receipt,) = await world.received("genesys", 1, "receipt")
    assert (receipt["body"]["id"], receipt["body"]["status"]) == (GENESYS_ID, "Failed")
    assert [reason["code"] for reason in receipt["body"]["reasons"]] == ["MessageExpired"]
    assert await world.ledger("whatsapp") == []
    assert len(await world.outcomes("delivery.expired")) == 1


async def test_a_receipt(world: World) -> None:
    world.start(receipt_max_age=60.0)
    fact = delivered(world, "2026-01-01T00:00:00.000Z")
    await world.append(fact)
    await expired(world, fact.id)
    assert await world.ledger("genesys", "receipt") == []


async def test_what_waited_too_long_for_a_permit(world: World) -> None:
    """The age counts at the call, not when the delivery came to the head of its lane."""
    limited = {"match": {"operation": "message"}, "do": "429", "share": 1.0, "for": 600}
    await world.faults("genesys", limited)
    world.start(message_max_age=2.0)
    fact = await world.says(ANN, "wamid.A", "waits for its bucket")
    (ended,) = await world.recorded("delivery.expired", 1)
    assert decode_data(ended, Ended).delivery == fact.id
