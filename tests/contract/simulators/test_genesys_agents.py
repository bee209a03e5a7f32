"""What agents write and how its webhooks are retried (genesys.md section 4)."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from tests.contract.simulators.world import Start, World, customer_message, until


async def book_line(world: World, message_id: str) -> dict[str, Any]:
    lines = await world.lines(world.running.genesys_url, "books")
    return next(line for line in lines if line["id"] == message_id)


async def told(world: World, count: int = 1) -> list[dict[str, Any]]:
    await until(lambda: len(world.receiver.genesys) >= count, f"{count} webhooks")
    return world.receiver.genesys


async def test_a_text(world: World) -> None:
    message_id = await world.agent(text="Hi Ann, checking now.")
    (message,) = await told(world)
    assert message["id"] == message["channel"]["messageId"] == message_id
    assert len(message_id) == 32 and message["conversationId"].count("-") == 4
    assert (message["type"], message["direction"], message["originatingEntity"]) == ("Text", "Outbound", "Human")
    assert message["channel"]["to"] == {"id": "447700900123", "idType": "Phone"}
    assert message["channel"]["from"]["id"] == message["channel"]["id"] == "acme-integration"
    assert message["channel"]["time"].endswith("Z")


async def test_quick_replies_typing_and_receipts(world: World) -> None:
    await world.agent(text="Proceed?", quick_replies=[{"text": "Yes", "payload": "y"}])
    await world.agent(event="typing")
    await world.agent(receipt={"id": "inbound-1", "status": "Failed"})
    structured, event, receipt = await told(world, 3)
    reply = {"contentType": "QuickReply", "quickReply": {"text": "Yes", "payload": "y", "action": "Message"}}
    assert (structured["type"], structured["text"], structured["content"]) == ("Structured", "Proceed?", [reply])
    assert (event["type"], event["events"][0]["eventType"]) == ("Event", "Typing")
    assert (receipt["type"], receipt["id"], receipt["status"]) == ("Receipt", "inbound-1", "Failed")


async def test_an_image_can_be_downloaded_until_its_link_expires(start: Start) -> None:
    for seconds, status in ((60.0, 200), (1e-9, 404)):
        world = await start(download_seconds=seconds)
        before = len(world.receiver.genesys)
        await world.agent(image={"content_base64": base64.b64encode(b"picture").decode(), "mime": "image/png"})
        message = (await told(world, before + 1))[before]
        attachment = message["content"][0]["attachment"]
        assert (message["type"], attachment["mediaType"], attachment["mime"]) == ("Text", "Image", "image/png")
        assert attachment["contentSizeBytes"] == 7
        answer = await world.http.get(attachment["url"])
        assert answer.status == status
        assert (await answer.read() == b"picture") is (status == 200)
        line = await book_line(world, message["id"])
        assert line["attachment"]["sha256"] == hashlib.sha256(b"picture").hexdigest()
        assert (await world.lines(world.running.genesys_url, "ledger"))[-1]["operation"] == "media"


@pytest.mark.parametrize(
    ("answers", "webhook", "attempts"),
    [
        ([204], "accepted", 1),
        ([503, 429, None, 200], "accepted", 4),
        ([500] * 5, "accepted", 6),
        ([500] * 6, "lost", 6),
        ([400], "lost", 1),
        ([302], "lost", 1),
    ],
)
async def test_the_retry_contract(world: World, answers: list[int | None], webhook: str, attempts: int) -> None:
    world.receiver.answers = list(answers)
    first = await world.agent(text="first")
    # The next message of the customer goes out once the first one has ended.
    await world.agent(text="second")
    await until(lambda: any(m["text"] == "second" for m in world.receiver.genesys), "the second message")
    line = await book_line(world, first)
    assert (line["webhook"], line["attempts"]) == (webhook, attempts)


async def test_a_connector_that_is_away_loses_the_message_in_the_end(world: World) -> None:
    gone = world.tenant.model_copy(
        update={"genesys": world.tenant.genesys.model_copy(update={"webhook_url": "http://127.0.0.1:9/gone"})}
    )
    await world.put(world.running.genesys_url, "tenants/acme", gone.model_dump())
    lost = await world.agent(text="Anybody?")
    await world.put(world.running.genesys_url, "tenants/acme", world.tenant.model_dump())
    await world.agent(text="Now?")
    await told(world)
    line = await book_line(world, lost)
    assert (line["webhook"], line["attempts"]) == ("lost", 6)


async def test_an_agents_answer_joins_the_customers_conversation(world: World) -> None:
    first, second = await world.agent(text="1"), await world.agent(text="2")
    conversations = {(await book_line(world, message_id))["conversation_id"] for message_id in (first, second)}
    assert len(conversations) == 1
    assert [message["text"] for message in await told(world, 2)] == ["1", "2"]


@pytest.mark.parametrize(
    "said", [{}, {"quick_replies": [{"text": "Y", "payload": "y"}]}, {"text": "x", "mood": "good"}]
)
async def test_what_says_nothing_is_refused_with_a_reason(world: World, said: dict[str, Any]) -> None:
    body = {"integration": "acme-integration", "to": "447700900123", **said}
    answer = await world.http.post(f"{world.running.genesys_url}/_simulator/agents/messages", json=body)
    assert answer.status == 400 and (await answer.json())["error"]


async def test_an_unknown_integration_is_404(world: World) -> None:
    body = {"integration": "nowhere", "to": "447700900123", "text": "x"}
    answer = await world.http.post(f"{world.running.genesys_url}/_simulator/agents/messages", json=body)
    assert answer.status == 404


async def test_a_conversation_lists_its_messages_by_participant_and_details_name_them(world: World) -> None:
    token = await world.token()
    first = await (await world.inbound("message", customer_message(), token, prefetchConversationId="true")).json()
    reply = await world.agent(text="Hi Ann, checking now.")
    second_message = customer_message("Thanks", channel={"messageId": "wamid.A2"})
    second = await (await world.inbound("message", second_message, token)).json()
    base = f"{world.running.genesys_url}/api/v2/conversations/messages"
    headers = {"Authorization": f"Bearer {token}"}
    conversation = await (await world.http.get(f"{base}/{first['conversationId']}", headers=headers)).json()
    said = {p["purpose"]: [m["messageId"] for m in p["messages"]] for p in conversation["participants"]}
    assert said == {"customer": [first["id"], second["id"]], "agent": [reply]}
    assert {p["state"] for p in conversation["participants"]} == {"connected"}
    details = await (await world.http.get(f"{base}/{second['id']}/details", headers=headers)).json()
    assert (details["providerMessageId"], details["direction"]) == ("wamid.A2", "inbound")
    await world.http.patch(f"{base}/{first['conversationId']}", json={"state": "disconnected"}, headers=headers)
    conversation = await (await world.http.get(f"{base}/{first['conversationId']}", headers=headers)).json()
    assert {p["state"] for p in conversation["participants"]} == {"disconnected"}
    missing = await world.http.get(f"{base}/unknown", headers=headers)
    assert (missing.status, (await missing.json())["code"]) == (404, "conversation.error.conversation.not.found")
