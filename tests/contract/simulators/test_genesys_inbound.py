"""The four inbound endpoints: validation, conversations, books (genesys.md sections 3, 5 and 7)."""

from __future__ import annotations

import asyncio
import hashlib
from copy import deepcopy
from typing import Any

import pytest
from aiohttp import web

from tests.contract.simulators.world import Start, World, customer_message, tenant_at, until

EVENT = {"channel": customer_message()["channel"], "events": [{"eventType": "Typing"}]}
TAP = {
    "channel": customer_message()["channel"],
    "buttonResponse": {"type": "QuickReply", "text": "Yes", "payload": "yes"},
    "originatingMessageId": "c327c2078ca056db130c55ce648d9fa2",
}
RECEIPT = {
    "id": "c327c2078ca056db130c55ce648d9fa2",
    "channel": {"to": {"id": "447700900123"}, "time": "2026-02-03T09:15:22.120Z"},
    "status": "Delivered",
    "isFinalReceipt": True,
}
VALID = {"message": customer_message(), "event": EVENT, "structured/response": TAP, "receipt": RECEIPT}
PICTURE = {"mediaType": "Image", "url": "https://example.com/a.jpg", "mime": "image/jpeg"}


def changed(body: dict[str, Any], path: str, value: Any = None) -> dict[str, Any]:
    """A copy with the field at `path` replaced, or removed when `value` is None."""
    copy = deepcopy(body)
    holder: Any = copy
    *parents, name = path.split(".")
    for parent in parents:
        holder = holder[int(parent) if parent.isdecimal() else parent]
    if value is None:
        del holder[name]
    else:
        holder[name] = value
    return copy


REFUSED: dict[str, tuple[str, Any, str]] = {
    "no channel": ("message", changed(VALID["message"], "channel"), "constraint.validation"),
    "no sender": ("message", changed(VALID["message"], "channel.from"), "constraint.validation"),
    "no id": ("message", changed(VALID["message"], "channel.from.id"), "constraint.validation"),
    "wrong id type": ("message", changed(VALID["message"], "channel.from.idType", "Pigeon"), "invalid.value"),
    "no time": ("message", changed(VALID["message"], "channel.time"), "missing.open.channel.date"),
    "no time of an event": ("event", changed(EVENT, "channel.time"), "missing.open.channel.date"),
    "no time of a receipt": ("receipt", changed(RECEIPT, "channel.time"), "missing.open.channel.date"),
    "local time": ("message", changed(VALID["message"], "channel.time", "2026-02-03T09:15:22"), "invalid.date"),
    "no such day": ("message", changed(VALID["message"], "channel.time", "2026-02-30T09:15:22Z"), "invalid.date"),
    "object in metadata": ("message", customer_message(metadata={"customAttributes": {"a": "b"}}), "bad.request"),
    "nothing said": ("message", changed(VALID["message"], "text"), "bad.request"),
    "not an object": ("message", ["text"], "bad.request"),
    "two attachments": ("message", customer_message(content=[{"attachment": PICTURE}] * 2), "constraint.validation"),
    "attachment of no URL": (
        "message",
        customer_message(content=[{"attachment": changed(PICTURE, "url")}]),
        "constraint.validation",
    ),
    "attachment of a path": (
        "message",
        customer_message(content=[{"attachment": changed(PICTURE, "url", "/a.jpg")}]),
        "invalid.value",
    ),
    "attachment of a wrong kind": (
        "message",
        customer_message(content=[{"attachment": changed(PICTURE, "mediaType", "Sticker")}]),
        "invalid.value",
    ),
    "other event": ("event", changed(EVENT, "events", [{"eventType": "Presence"}]), "invalid.value"),
    "no event": ("event", changed(EVENT, "events", []), "constraint.validation"),
    "other button": ("structured/response", changed(TAP, "buttonResponse.type", "Menu"), "invalid.value"),
    "no payload": ("structured/response", changed(TAP, "buttonResponse.payload"), "constraint.validation"),
    "no origin": ("structured/response", changed(TAP, "originatingMessageId"), "constraint.validation"),
    "read receipt": ("receipt", changed(RECEIPT, "status", "Read"), "invalid.value"),
    "sent receipt": ("receipt", changed(RECEIPT, "status", "Sent"), "invalid.value"),
    "unknown reason": ("receipt", RECEIPT | {"reasons": [{"code": "Tired", "message": "x"}]}, "invalid.value"),
    "reason without words": ("receipt", RECEIPT | {"reasons": [{"code": "ServerError"}]}, "constraint.validation"),
}


@pytest.mark.parametrize("path", VALID)
async def test_accepts(world: World, path: str) -> None:
    answer = await world.inbound(path, VALID[path], await world.token())
    body = await answer.json()
    assert answer.status == 200
    assert body["channel"]["id"] == "acme-integration" and body["channel"]["platform"] == "Open"
    row = (await world.lines(world.running.genesys_url, "ledger"))[-1]
    assert row["operation"] == path.replace("/", "_")
    assert (row["customer"], row["tenant"], row["accepted"]) == ("447700900123", "acme", True)
    assert row["id"] == (RECEIPT["id"] if path == "receipt" else "wamid.A1")
    assert row["body"] == VALID[path]


@pytest.mark.parametrize("name", REFUSED)
async def test_refuses(world: World, name: str) -> None:
    path, body, code = REFUSED[name]
    answer = await world.inbound(path, body, await world.token())
    assert (answer.status, (await answer.json())["code"]) == (400, code)
    assert not (await world.lines(world.running.genesys_url, "ledger"))[-1]["accepted"]
    assert await world.lines(world.running.genesys_url, "books") == []


async def test_a_wrong_content_type_and_a_large_body_are_refused(world: World) -> None:
    url = f"{world.running.genesys_url}/api/v2/conversations/messages/acme-integration/inbound/open/message"
    headers = {"Authorization": f"Bearer {await world.token()}"}
    answer = await world.http.post(url, data=b"text", headers=headers | {"Content-Type": "text/plain"})
    assert (answer.status, (await answer.json())["code"]) == (415, "unsupported.media.type")
    answer = await world.http.post(url, json=customer_message("x" * 512_001), headers=headers)
    assert (answer.status, (await answer.json())["code"]) == (413, "request.entity.too.large")


async def test_unknown_fields_are_ignored_and_id_types_match_in_any_case(world: World) -> None:
    body = customer_message(direction="Inbound", type="Text", id="legacy")
    body["channel"]["from"]["idType"] = "phone"
    assert (await world.inbound("message", body, await world.token())).status == 200


async def test_the_conversation_id_is_given_only_when_asked_for(world: World) -> None:
    token = await world.token()
    first = await (await world.inbound("message", customer_message("1"), token)).json()
    second = await (await world.inbound("message", customer_message("2"), token, prefetchConversationId="true")).json()
    assert "conversationId" not in first
    books = {line["id"]: line for line in await world.lines(world.running.genesys_url, "books")}
    assert books[first["id"]]["conversation_id"] == books[second["id"]]["conversation_id"] == second["conversationId"]
    assert (second["type"], second["text"]) == ("Text", "2")


async def conversations_of(world: World) -> list[str]:
    return [line["conversation_id"] for line in await world.lines(world.running.genesys_url, "books")]


async def test_two_racing_first_messages_open_two_conversations(start: Start) -> None:
    world = await start(processing_seconds=0.2)
    token = await world.token()
    await asyncio.gather(*(world.inbound("message", customer_message(str(n)), token) for n in range(2)))
    assert len(set(await conversations_of(world))) == 2
    await asyncio.gather(*(world.inbound("message", customer_message(str(n)), token) for n in range(2)))
    assert len(set(await conversations_of(world))) == 2


async def test_waiting_for_the_first_answer_keeps_one_conversation(world: World) -> None:
    token = await world.token()
    await world.inbound("message", customer_message("1"), token)
    await asyncio.gather(*(world.inbound("message", customer_message(str(n)), token) for n in range(2, 5)))
    assert len(set(await conversations_of(world))) == 1
    await world.inbound("message", customer_message("other", wa_id="447700900999"), token)
    assert len(set(await conversations_of(world))) == 2


@pytest.mark.parametrize(("window", "conversations"), [(259_200.0, 1), (0.0, 2)])
async def test_a_message_after_the_end_reopens_within_the_threading_window(
    start: Start, window: float, conversations: int
) -> None:
    world = await start(threading_seconds=window)
    token = await world.token()
    await world.inbound("message", customer_message("1"), token)
    (conversation,) = await conversations_of(world)
    answer = await world.http.patch(
        f"{world.running.genesys_url}/api/v2/conversations/messages/{conversation}",
        json={"state": "disconnected"},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status == 200
    await world.inbound("message", customer_message("2"), token)
    assert len(set(await conversations_of(world))) == conversations


async def test_an_inbound_attachment_is_fetched_without_credentials(world: World) -> None:
    asked: list[str | None] = []

    async def picture(request: web.Request) -> web.Response:
        asked.append(request.headers.get("Authorization"))
        return web.Response(body=b"picture")

    application = web.Application()
    application.router.add_get("/a.jpg", picture)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/a.jpg"
    body = changed(
        customer_message(content=[{"contentType": "Attachment", "attachment": PICTURE | {"url": url}}]), "text"
    )
    answer = await (await world.inbound("message", body, await world.token())).json()
    assert answer["content"][0]["attachment"]["url"] == url

    async def booked() -> dict[str, Any]:
        (line,) = await world.lines(world.running.genesys_url, "books")
        return dict(line["attachment"], kind=line["kind"])

    await until(lambda: asked, "the fetch")
    while (found := await booked())["status"] is None:
        await asyncio.sleep(0.005)
    await runner.cleanup()
    assert (found["status"], found["length"], found["kind"]) == (200, 7, "image")
    assert found["sha256"] == hashlib.sha256(b"picture").hexdigest()
    assert asked == [None]


async def test_receipts_and_taps_reach_the_books_of_their_message(world: World) -> None:
    token = await world.token()
    message_id = await world.agent(text="Proceed?", quick_replies=[{"text": "Yes", "payload": "yes"}])
    reasons = [{"code": "MessageExpired", "message": "window closed"}]
    failed = await world.inbound("receipt", RECEIPT | {"id": message_id, "status": "Failed", "reasons": reasons}, token)
    assert (await failed.json())["status"] == "Failed"
    tap = await (await world.inbound("structured/response", TAP | {"originatingMessageId": message_id}, token)).json()
    assert (tap["type"], tap["direction"], tap["content"][0]["contentType"]) == (
        "Structured",
        "Inbound",
        "ButtonResponse",
    )
    asked, tapped = await world.lines(world.running.genesys_url, "books")
    assert (asked["receipt"], asked["reasons"]) == ("Failed", reasons)
    assert (tapped["originating_message_id"], tapped["payload"], tapped["text"]) == (message_id, "yes", "Yes")
    assert tapped["conversation_id"] == asked["conversation_id"]
    details = await world.http.get(
        f"{world.running.genesys_url}/api/v2/conversations/messages/{message_id}/details",
        headers={"Authorization": f"Bearer {token}"},
    )
    found = await details.json()
    assert (found["status"], found["conversationId"]) == ("delivery-failed", asked["conversation_id"])
    assert (await world.lines(world.running.genesys_url, "ledger"))[-1]["operation"] == "read"


async def test_unknown_ids_can_be_refused(start: Start) -> None:
    world = await start(unknown_ids="refuse")
    token = await world.token()
    for path in ("receipt", "structured/response"):
        assert (await world.inbound(path, VALID[path], token)).status == 404


async def test_duplicates_and_the_success_status_are_switchable(start: Start) -> None:
    world = await start(tenant_at("http://127.0.0.1:9"), duplicates="conflict", success_status=202)
    token = await world.token()
    assert (await world.inbound("message", customer_message(), token)).status == 202
    answer = await world.inbound("message", customer_message(), token)
    assert (answer.status, (await answer.json())["code"]) == (409, "request.conflict")


async def test_a_second_post_of_one_message_is_another_message_by_default(world: World) -> None:
    token = await world.token()
    for _ in range(2):
        await world.inbound("message", customer_message(), token)
    assert [line["wamid"] for line in await world.lines(world.running.genesys_url, "books")] == ["wamid.A1"] * 2
