"""Agents' typing on WhatsApp: shown while it is news, never recorded as an attempt, never in a message's way."""

import asyncio
import time

import httpx
import pytest

from tests.integration.agents.conftest import World

pytestmark = pytest.mark.integration

ANN, BOB = "447700900123", "447700900456"


async def customer_writes(world: World, wa_id: str) -> str:
    """The customer's message exists at WhatsApp, and is a fact; returns its wamid."""
    message = {"type": "text", "text": {"body": "hello"}}
    async with httpx.AsyncClient() as client:
        answer = await client.post(
            f"{world.simulators.whatsapp_url}/_simulator/customers/{wa_id}/messages",
            json={"to": world.tenant.channels[0].phone_number_id, "message": message},
        )
    wamid: str = answer.json()["id"]
    await world.says(wa_id, wamid, "hello")
    return wamid


async def test_typing_is_shown_under_the_customers_newest_message(world: World) -> None:
    await world.configure(whatsapp_typing=True)
    world.start()
    await customer_writes(world, ANN)
    newest = await customer_writes(world, ANN)
    await world.received("genesys", 2)
    await world.types(ANN, "a" * 32)
    (row,) = await world.received("whatsapp", 1, "read")
    assert (row["body"]["message_id"], row["body"]["typing_indicator"]) == (newest, {"type": "text"})
    # Typing leaves no record, and the thread goes on.
    await world.answers(ANN, "b" * 32, "hello Ann")
    await world.received("whatsapp", 1)
    assert len(await world.outcomes("delivery.attempted")) == 3
    assert await world.outcomes("delivery.expired", "delivery.dead_lettered") == []


async def test_without_the_tenants_wish_nothing_is_marked_as_read(world: World) -> None:
    world.start()
    await customer_writes(world, ANN)
    await world.received("genesys", 1)
    await world.types(ANN, "a" * 32)
    await world.answers(ANN, "b" * 32, "hello Ann")
    await world.received("whatsapp", 1)
    assert await world.ledger("whatsapp", "read") == []


async def test_only_the_last_typing_is_shown_and_none_that_an_answer_overtakes(world: World) -> None:
    """All of it waits behind an answer whose call is slow."""
    await world.configure(whatsapp_typing=True)
    world.start(order_wait=0.05)
    wamids = {wa_id: await customer_writes(world, wa_id) for wa_id in (ANN, BOB)}
    await world.received("genesys", 2)
    await world.faults("whatsapp", {"match": {"operation": "message"}, "do": "delay 1.5", "share": 1.0, "for": 60})
    for wa_id, letter in ((ANN, "a"), (BOB, "b")):
        await world.answers(wa_id, letter * 32, "first")
        for n in range(5):
            await world.types(wa_id, f"{letter}{n:031x}")
    await world.answers(BOB, "c" * 32, "second")
    await world.received("whatsapp", 3)
    (row,) = await world.received("whatsapp", 1, "read")
    assert row["body"]["message_id"] == wamids[ANN]


async def test_typing_that_is_late_is_dropped(world: World) -> None:
    await world.configure(whatsapp_typing=True)
    world.start()
    await customer_writes(world, ANN)
    await world.received("genesys", 1)
    await world.types(ANN, "a" * 32, at=time.time() - 21)
    await world.types(ANN, "b" * 32, at=time.time() - 600)
    await world.answers(ANN, "c" * 32, "hello Ann")
    await world.received("whatsapp", 1)
    assert await world.ledger("whatsapp", "read") == []
    assert await world.outcomes("delivery.expired", "delivery.dead_lettered") == []


async def test_typing_during_an_outage_is_not_shown_after_it(world: World) -> None:
    await world.configure(whatsapp_typing=True)
    await world.faults("whatsapp", {"match": {"operation": "message"}, "do": "status 503", "share": 1.0, "for": 60})
    world.start(typing_max_age=2.0)
    for wa_id in (ANN, BOB):
        await customer_writes(world, wa_id)
        await world.answers(wa_id, wa_id.ljust(32, "0"), "answer")
    await world.recorded("destination.behind", 1)
    await world.types(ANN, "a" * 32)
    await asyncio.sleep(2.5)
    await world.faults("whatsapp")
    await world.received("whatsapp", 2)
    await world.answers(ANN, "b" * 32, "last")
    await world.received("whatsapp", 3)
    assert await world.ledger("whatsapp", "read") == []
