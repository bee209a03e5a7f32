"""Genesys away, or silent after it took a call: what is found out, what customers are told, and what goes out after."""

import asyncio
import time

import pytest

from schemas.envelope import Envelope, decode, decode_data
from schemas.events import MessageData
from schemas.outcomes import Accepted
from tests.integration.agents.conftest import World

pytestmark = pytest.mark.integration

ANN, BOB, CID = "447700900123", "447700900456", "447700900789"
NOTICE = "We have got your message and will answer late."


async def test_a_call_whose_answer_was_lost_is_found_at_genesys_and_not_made_again(world: World) -> None:
    world.start()
    await world.says(ANN, "wamid.A", "first")
    (first,) = await world.recorded("delivery.accepted", 1)
    await world.faults("genesys", {"match": {"operation": "message"}, "do": "drop answer", "share": 1.0, "for": 60})
    await world.says(ANN, "wamid.B", "second")
    _, second = await world.recorded("delivery.accepted", 2)
    await world.faults("genesys")
    await world.says(ANN, "wamid.C", "third")
    rows = await world.received("genesys", 3)
    assert [row["body"]["text"] for row in rows] == ["first", "second", "third"]
    known, found = decode_data(first, Accepted), decode_data(second, Accepted)
    assert found.genesys_conversation_id == known.genesys_conversation_id
    assert found.personal.message not in (None, known.personal.message)


async def test_what_a_killed_worker_had_sent_is_found_by_its_successor(world: World) -> None:
    conversation = await world.posts_by_hand(ANN, "wamid.A", "first")
    fact = await world.says(ANN, "wamid.A", "first")
    await world.attempt_of_a_dead_worker(fact, conversation)
    world.start()
    await world.says(ANN, "wamid.B", "second")
    rows = await world.received("genesys", 2)
    assert [row["body"]["text"] for row in rows] == ["first", "second"]
    first, _ = await world.recorded("delivery.accepted", 2)
    assert decode_data(first, Accepted).delivery == fact.id
    assert decode_data(first, Accepted).genesys_conversation_id == conversation


async def test_a_call_that_never_arrived_is_made_again_even_for_a_tenant_that_holds(world: World) -> None:
    await world.configure(on_ambiguous="hold")
    world.start()
    await world.says(ANN, "wamid.A", "first")
    await world.recorded("delivery.accepted", 1)
    await world.faults("genesys", {"match": {"operation": "message"}, "do": "reset", "share": 1.0, "for": 60})
    await world.says(ANN, "wamid.B", "second")
    deadline = time.monotonic() + 20
    while len(await world.ledger("genesys")) < 2:
        assert time.monotonic() < deadline, "the second call was not made"
        await asyncio.sleep(0.02)
    await world.faults("genesys")
    rows = await world.received("genesys", 2)
    assert [row["body"]["text"] for row in rows] == ["first", "second"]
    assert await world.outcomes("delivery.dead_lettered") == []


async def test_customers_who_wait_are_told_once_and_their_messages_arrive_in_order(world: World) -> None:
    await world.configure(outage_notice=NOTICE)
    await world.faults("genesys", {"match": {"operation": "message"}, "do": "status 503", "share": 1.0, "for": 300})
    world.start(outage_notice_after=0.5)
    for n in range(3):
        await world.says(ANN, f"wamid.A{n}", f"Ann {n}")
        await world.says(BOB, f"wamid.B{n}", f"Bob {n}")
    notices = await world.received("whatsapp", 2)
    await world.says(ANN, "wamid.A3", "Ann 3")
    await world.faults("genesys")
    rows = await world.received("genesys", 7)
    assert [r["body"]["text"] for r in rows if r["customer"] == ANN] == [f"Ann {n}" for n in range(4)]
    assert [r["body"]["text"] for r in rows if r["customer"] == BOB] == [f"Bob {n}" for n in range(3)]
    assert sorted(row["body"]["to"] for row in notices) == [f"+{ANN}", f"+{BOB}"]
    assert {row["body"]["text"]["body"] for row in notices} == {NOTICE}
    assert len(await world.ledger("whatsapp")) == 2
    composed = [event for event in await facts(world) if event.type == "message.composed"]
    assert [decode_data(event, MessageData).author for event in composed] == ["relaylog"] * 2


async def test_another_owner_during_an_outage_tells_nobody_a_second_time(world: World) -> None:
    await world.configure(outage_notice=NOTICE)
    await world.faults("genesys", {"match": {"operation": "message"}, "do": "status 503", "share": 1.0, "for": 300})
    world.start(outage_notice_after=0.5)
    await world.says(ANN, "wamid.A", "Ann")
    await world.says(BOB, "wamid.B", "Bob")
    await world.received("whatsapp", 2)
    await world.stop()
    world.start(outage_notice_after=0.5)
    # The new owner finds the same two waiting, and in the log that they were told.
    await world.says(CID, "wamid.C", "Cid")
    await world.received("whatsapp", 3)
    await world.answers(ANN, "c327c2078ca056db130c55ce648d9fa2", "Here we are")
    rows = await world.received("whatsapp", 4)
    assert [row["body"]["text"]["body"] for row in rows] == [NOTICE, NOTICE, NOTICE, "Here we are"]
    told = [event.subject for event in await facts(world) if event.type == "message.composed"]
    assert len(set(told[:3])) == len(told[:3]) == 3


async def facts(world: World) -> list[Envelope]:
    return [decode(record.value) for record in await world.records("events")]
