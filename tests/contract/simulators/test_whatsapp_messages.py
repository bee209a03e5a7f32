"""WhatsApp sends and their statuses, and what customers say (whatsapp.md sections 1 to 4)."""

from __future__ import annotations

import base64
import functools
import json
from datetime import UTC, datetime, timedelta

from tests.contract.simulators.world import Start, World, until

CUSTOMER = "447700900123"


async def test_an_accepted_message_is_sent_delivered_and_read_with_its_callback_data(world: World) -> None:
    await world.says({"type": "text", "text": {"body": "hi"}})
    wamid = await world.send_text("Hello", callback="delivery|genesys|subject")
    await until(lambda: len(world.receiver.statuses(wamid)) == 3, "three statuses")
    assert set(world.receiver.statuses(wamid)) == {"sent", "delivered", "read"}
    for status in world.receiver.values("statuses"):
        assert status["biz_opaque_callback_data"] == "delivery|genesys|subject"
        assert status["recipient_id"] == CUSTOMER
        assert isinstance(status["timestamp"], str)
    (line,) = [b for b in await world.lines(world.running.whatsapp_url, "books") if b["id"] == wamid]
    assert (line["status"], line["shown_order"], line["text"], line["kind"]) == ("read", 1, "Hello", "text")


async def test_a_wamid_decodes_to_the_customers_number(world: World) -> None:
    wamid = await world.send_text("Hello")
    assert wamid.startswith("wamid.")
    assert CUSTOMER.encode() in base64.b64decode(wamid.removeprefix("wamid."))


async def test_the_answer_echoes_the_input_and_gives_the_wa_id(world: World) -> None:
    answer = await (await world.send({"to": "+44 7700 900123", "type": "text", "text": {"body": "x"}})).json()
    assert answer["messaging_product"] == "whatsapp"
    assert answer["contacts"] == [{"input": "+44 7700 900123", "wa_id": CUSTOMER}]
    assert list(answer["messages"][0]) == ["id"]


async def test_what_a_customer_says_arrives_signed_over_escaped_bytes(world: World) -> None:
    wamid = await world.says({"type": "text", "text": {"body": "héllo 😮"}})
    await until(lambda: world.receiver.raw, "webhook")
    assert rb"h\u00e9llo \ud83d\ude2e" in world.receiver.raw[0]
    (message,) = world.receiver.values("messages")
    assert message["id"] == wamid and message["from"] == CUSTOMER and "from_user_id" not in message
    value = world.receiver.whatsapp[0]["entry"][0]["changes"][0]["value"]
    assert value["metadata"] == {"display_phone_number": "15550001055", "phone_number_id": "1055"}
    assert value["contacts"][0]["wa_id"] == CUSTOMER and value["contacts"][0]["profile"]["name"]
    assert "user_id" not in value["contacts"][0]


async def test_one_customers_messages_keep_their_order_through_refusals(world: World) -> None:
    world.receiver.answers = [503, 200, 500, None, 202]
    said = [await world.says({"type": "text", "text": {"body": str(n)}}) for n in range(6)]
    await until(lambda: len(world.receiver.values("messages")) == 6, "six messages")
    assert [message["id"] for message in world.receiver.values("messages")] == said
    # One 503, one 500, one timeout, and 202, which Meta does not take for success.
    assert world.receiver.calls == 10


async def test_parallel_webhooks_do_not_wait_for_a_stuck_one(start: Start) -> None:
    world = await start(parallel_webhooks=True, meta_timeout=60.0)
    world.receiver.answers = [None]
    stuck = await world.says({"type": "text", "text": {"body": "first"}})
    await until(lambda: world.receiver.calls == 1, "the stuck call")
    second = await world.says({"type": "text", "text": {"body": "second"}})
    await until(lambda: world.receiver.values("messages"), "the second message")
    assert [m["id"] for m in world.receiver.values("messages")] == [second] != [stuck]


async def test_an_offline_device_holds_delivered_and_read_back(world: World) -> None:
    base = world.running.whatsapp_url
    await world.says({"type": "text", "text": {"body": "hi"}})
    await world.put(base, f"customers/{CUSTOMER}", {"online": False})
    wamid = await world.send_text("Hello")
    await until(lambda: world.receiver.statuses(wamid) == ["sent"], "sent")
    await world.put(base, f"customers/{CUSTOMER}", {"online": True, "reads": False})
    await until(lambda: world.receiver.statuses(wamid) == ["sent", "delivered"], "delivered")
    other = await world.send_text("And again")
    await until(lambda: len(world.receiver.statuses(other)) == 2, "the next one")
    assert "read" not in world.receiver.statuses(wamid)


async def test_a_shuffling_device_never_tells_the_true_order(world: World) -> None:
    await world.says({"type": "text", "text": {"body": "hi"}})
    await world.put(world.running.whatsapp_url, f"customers/{CUSTOMER}", {"status_order": "shuffled"})
    wamids = [await world.send_text(str(n)) for n in range(5)]
    await until(lambda: all(len(world.receiver.statuses(w)) == 3 for w in wamids), "all statuses")
    assert any(world.receiver.statuses(w)[0] != "sent" for w in wamids)


async def test_quickly_accepted_messages_are_sometimes_shown_in_the_wrong_order(start: Start) -> None:
    world = await start(delivered_seconds=0.2)
    await world.says({"type": "text", "text": {"body": "hi"}})
    wamids = [await world.send_text(str(n)) for n in range(12)]

    await until(lambda: all("delivered" in world.receiver.statuses(w) for w in wamids), "all delivered")
    books = {line["id"]: line for line in await world.lines(world.running.whatsapp_url, "books")}
    shown = [books[wamid]["shown_order"] for wamid in wamids]
    assert sorted(shown) == list(range(1, 13)) and shown != sorted(shown)


async def test_waiting_for_delivered_keeps_the_order(world: World) -> None:
    await world.says({"type": "text", "text": {"body": "hi"}})
    wamids = []
    for n in range(4):
        wamid = await world.send_text(str(n))
        wamids.append(wamid)
        await until(functools.partial(_was_delivered, world, wamid), "delivered")
    books = {line["id"]: line["shown_order"] for line in await world.lines(world.running.whatsapp_url, "books")}
    assert [books[wamid] for wamid in wamids] == [1, 2, 3, 4]


async def test_statuses_can_travel_together(start: Start) -> None:
    world = await start(status_batch_seconds=0.2)
    await world.says({"type": "text", "text": {"body": "hi"}})
    await until(lambda: world.receiver.whatsapp, "the customer's message")
    wamids = [await world.send_text(str(n)) for n in range(10)]
    await until(lambda: all(len(world.receiver.statuses(w)) == 3 for w in wamids), "all statuses")
    assert len(world.receiver.whatsapp) < 1 + 30


async def test_a_message_outside_the_customer_window_is_accepted_and_fails_later(world: World) -> None:
    wamid = await world.send_text("Anybody there?")
    await until(lambda: world.receiver.statuses(wamid) == ["failed"], "failed")
    (status,) = world.receiver.values("statuses")
    assert status["errors"][0]["code"] == 131047
    assert "contacts" not in world.receiver.whatsapp[0]["entry"][0]["changes"][0]["value"]
    await world.put(world.running.whatsapp_url, "limits", {"tenant": "acme", "customer_window": False})
    free = await world.send_text("Now?")
    await until(lambda: "delivered" in world.receiver.statuses(free), "delivered")


async def test_a_template_needs_no_window(world: World) -> None:
    template = {"name": "order_upd", "language": {"code": "en_US"}}
    answer = await (await world.send({"to": CUSTOMER, "type": "template", "template": template})).json()
    assert answer["messages"][0]["message_status"] == "accepted"
    await until(lambda: "delivered" in world.receiver.statuses(answer["messages"][0]["id"]), "delivered")


async def test_a_device_can_fail_and_a_reaction_is_only_ever_sent(world: World) -> None:
    await world.says({"type": "text", "text": {"body": "hi"}})
    shown = await world.send_text("Hello")
    reaction = {"to": CUSTOMER, "type": "reaction", "reaction": {"message_id": "wamid.X", "emoji": "👍"}}
    reacted = (await (await world.send(reaction)).json())["messages"][0]["id"]
    await until(lambda: "read" in world.receiver.statuses(shown), "the text read")
    await world.put(world.running.whatsapp_url, f"customers/{CUSTOMER}", {"fails": 131026})
    failing = await world.send_text("Hello?")
    await until(lambda: world.receiver.statuses(failing) == ["failed"], "failed")
    assert world.receiver.statuses(reacted) == ["sent"]


async def test_a_business_scoped_id_shows_once_set_and_can_be_written_to(world: World) -> None:
    await world.put(world.running.whatsapp_url, f"customers/{CUSTOMER}", {"user_id": "GB.123"})
    await world.says({"type": "text", "text": {"body": "hi"}})
    await until(lambda: world.receiver.values("messages"), "message")
    assert world.receiver.values("messages")[0]["from_user_id"] == "GB.123"
    answer = await (await world.send({"recipient": "GB.123", "type": "text", "text": {"body": "x"}})).json()
    assert answer["contacts"] == [{"input": "GB.123", "user_id": "GB.123"}]
    await until(lambda: "read" in world.receiver.statuses(answer["messages"][0]["id"]), "read")
    assert world.receiver.values("statuses")[0]["recipient_user_id"] == "GB.123"


async def test_mark_read_and_typing_are_read_operations(world: World) -> None:
    wamid = await world.says({"type": "text", "text": {"body": "hi"}})
    answer = await world.send({"status": "read", "message_id": wamid, "typing_indicator": {"type": "text"}})
    assert await answer.json() == {"success": True}
    (row,) = await world.lines(world.running.whatsapp_url, "ledger")
    assert (row["operation"], row["status"], row["accepted"]) == ("read", 200, True)
    (line,) = await world.lines(world.running.whatsapp_url, "books")
    assert line["status"] == "read"
    shown = datetime.fromisoformat(line["typing_until"]) - datetime.now(UTC)
    assert timedelta(seconds=0) < shown <= timedelta(seconds=25)
    await world.send({"type": "text", "text": {"body": "hello"}, "to": f"+{CUSTOMER}"})
    line, _ = await world.lines(world.running.whatsapp_url, "books")
    assert line["typing_until"] is None


async def test_marking_a_message_as_read_marks_those_before_it(world: World) -> None:
    wamids = [await world.says({"type": "text", "text": {"body": str(n)}}) for n in range(3)]
    await world.send({"status": "read", "message_id": wamids[1]})
    lines = await world.lines(world.running.whatsapp_url, "books")
    assert [line["status"] for line in lines] == ["read", "read", "received"]


async def test_only_what_the_customer_said_can_be_marked_as_read(world: World) -> None:
    sent = await world.send({"type": "text", "text": {"body": "hello"}, "to": f"+{CUSTOMER}"})
    own = (await sent.json())["messages"][0]["id"]
    for message_id in (own, "wamid.unknown"):
        answer = await world.send({"status": "read", "message_id": message_id, "typing_indicator": {"type": "text"}})
        assert (answer.status, (await answer.json())["error"]["code"]) == (400, 131009)


async def test_the_handshake_and_other_webhook_fields(world: World) -> None:
    base = world.running.whatsapp_url
    answer = await world.http.post(f"{base}/_simulator/handshakes", json={"phone_number_id": "1055"})
    assert await answer.json() == {"verified": True, "status": 200}
    echo = {"message_echoes": [{"from": "15550001055", "to": CUSTOMER, "id": "wamid.E", "type": "text"}]}
    body = {"phone_number_id": "1055", "field": "smb_message_echoes", "value": echo}
    assert (await world.http.post(f"{base}/_simulator/webhooks", json=body)).status == 202
    await until(lambda: world.receiver.whatsapp, "the echo")
    assert json.loads(world.receiver.raw[0])["entry"][0]["changes"][0]["field"] == "smb_message_echoes"


def _was_delivered(world: World, wamid: str) -> bool:
    return "delivered" in world.receiver.statuses(wamid)
