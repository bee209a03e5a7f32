"""One whole path on real parts: what customers and agents see, and what the query API shows of it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest

from tests.acceptance.stage import Stage
from tests.acceptance.system import until
from tests.history.collect import read_raw
from tests.history.history import Platform

pytest_plugins = ["tests.acceptance.stages"]

PICTURE = base64.b64decode("/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////wAALCAABAAEBAREA/9k=")


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def test_a_text_goes_to_genesys_and_the_answer_comes_back(stage: Stage) -> None:
    customer = stage.new_customer()
    wamid = stage.customer_says(customer, "Where is my parcel?")
    arrived = stage.line("genesys", wamid=wamid)
    assert (arrived["tenant"], arrived["customer"], arrived["text"]) == ("acme", customer, "Where is my parcel?")

    answer = stage.agent_says(customer, "On its way, Ann ✓")
    shown = stage.received(customer)
    assert (shown["tenant"], shown["text"]) == ("acme", "On its way, Ann ✓")
    told = stage.line("genesys", id=answer, receipt="Delivered")
    assert told["conversation_id"] == arrived["conversation_id"]


def test_a_message_is_found_by_either_platforms_id(stage: Stage) -> None:
    customer = stage.new_customer()
    wamid = stage.customer_says(customer, "Hello")
    arrived = stage.line("genesys", wamid=wamid)
    answer = stage.agent_says(customer, "Good morning")
    sent = stage.received(customer)
    for own, other, status in ((wamid, arrived["id"], "sent"), (sent["id"], answer, "read")):
        by_whatsapp = stage.mapping(whatsapp_message_id=own)
        by_genesys = stage.mapping(genesys_message_id=other)
        assert by_whatsapp["message_id"] == by_genesys["message_id"]
        message = stage.message(by_whatsapp["message_id"], status=status)
        assert (message["whatsapp_id"], message["genesys_id"]) == (own, other)


def test_every_status_is_on_the_timeline_and_one_receipt_is_given(stage: Stage) -> None:
    customer = stage.new_customer()
    stage.device(customer, status_order="shuffled")
    answer = stage.agent_says(customer, "Shuffled on the way")
    stage.line("genesys", id=answer, receipt="Delivered")
    sent = stage.received(customer)
    id = stage.mapping(whatsapp_message_id=sent["id"])["message_id"]
    stage.message(id, status="read")
    timeline = stage.ask(f"/v1/messages/{id}/timeline").json()["items"]
    types = [event["type"] for event in timeline]
    assert {"message.composed", "status.sent", "status.delivered", "status.read"} <= set(types)
    assert types.index("message.composed") == 0
    assert [row["body"]["status"] for row in stage.calls("genesys", operation="receipt", id=answer)] == ["Delivered"]


def test_a_conversation_is_listed_in_the_order_of_the_log(stage: Stage) -> None:
    """Several in one second, of which WhatsApp tells whole ones only."""
    customer = stage.new_customer()
    said = []
    for n in range(4):
        said += [f"question {n}", f"answer {n}"]
        wamid = stage.customer_says(customer, said[-2])
        stage.line("genesys", wamid=wamid)
        answer = stage.agent_says(customer, said[-1])
        stage.line("genesys", id=answer, receipt="Delivered")
    message = stage.message(stage.mapping(whatsapp_message_id=wamid)["message_id"], status="sent")
    url = f"/v1/conversations/{message['conversation_id']}/messages"

    def listed() -> list[str] | None:
        texts, cursor = [], ""
        while True:
            page = stage.ask(f"{url}?limit=3{cursor}").json()
            texts += [item["text"] for item in page["items"]]
            if page["next"] is None:
                return texts if len(texts) == len(said) else None
            cursor = f"&cursor={page['next']}"

    assert until("all messages listed", listed) == said


def test_quick_answers_are_shown_in_the_order_in_which_the_agent_wrote_them(stage: Stage) -> None:
    """WhatsApp does not keep the order of what it accepted: the simulator lets quick ones overtake each other."""
    customer = stage.new_customer()
    stage.customer_says(customer, "Hello")
    texts = [f"line {n}" for n in range(8)]
    for text in texts:
        stage.agent_says(customer, text)

    def shown() -> list[str] | None:
        lines = [x for x in stage.lines("whatsapp", direction="outbound", customer=customer) if x["shown_order"]]
        return [x["text"] for x in sorted(lines, key=lambda x: x["shown_order"])] if len(lines) == len(texts) else None

    assert until("all answers shown", shown, 40) == texts


def test_a_long_answer_goes_out_in_parts_and_is_received_once(stage: Stage) -> None:
    customer = stage.new_customer()
    text = " ".join(f"word{n}" for n in range(1200))
    answer = stage.agent_says(customer, text)
    stage.line("genesys", id=answer, receipt="Delivered")
    parts = stage.lines("whatsapp", direction="outbound", customer=customer)
    assert len(parts) > 1 and all(len(part["text"]) <= 4096 for part in parts)
    assert [word for part in parts for word in part["text"].split() if word.startswith("word")] == text.split()
    assert len(stage.calls("genesys", operation="receipt", id=answer)) == 1
    found = {stage.mapping(whatsapp_message_id=part["id"])["message_id"] for part in parts}
    assert len(found) == 1
    assert stage.message(found.pop(), status="read")["text"] == text


def test_a_failure_at_whatsapp_is_told_to_genesys(stage: Stage) -> None:
    customer = stage.new_customer()
    stage.device(customer, fails=131026)
    answer = stage.agent_says(customer, "You cannot read this")
    failed = stage.line("genesys", id=answer, receipt="Failed")
    assert failed["reasons"]
    sent = stage.line("whatsapp", direction="outbound", customer=customer, status="failed")
    stage.message(stage.mapping(whatsapp_message_id=sent["id"])["message_id"], status="failed")


def test_a_picture_from_the_customer_can_be_fetched_by_genesys(stage: Stage) -> None:
    content = PICTURE + b"from the customer"
    image = {"content_base64": encoded(content), "mime_type": "image/jpeg", "caption": "This is broken"}
    wamid = stage.customer_says(stage.new_customer(), {"type": "image", "image": image})
    arrived = stage.line("genesys", wamid=wamid)
    assert (arrived["kind"], arrived["text"]) == ("image", "This is broken")

    def fetched() -> dict[str, Any] | None:
        attachment = stage.lines("genesys", wamid=wamid)[0]["attachment"]
        return attachment if attachment["status"] is not None else None

    attachment = until("Genesys to fetch the picture", fetched)
    assert attachment["status"] == 200
    assert attachment["sha256"] == hashlib.sha256(content).hexdigest()


def test_a_picture_from_an_agent_is_uploaded_and_sent_by_id(stage: Stage) -> None:
    customer, content = stage.new_customer(), PICTURE + b"from the agent, of its own length"
    image = {"content_base64": encoded(content), "mime": "image/jpeg"}
    stage.agent_says(customer, "Look here", image=image, tenant_id="globex")
    sent = stage.received(customer)
    assert (sent["kind"], sent["text"], sent["tenant"]) == ("image", "Look here", "globex")
    call = stage.calls("whatsapp", id=sent["callback_data"])[0]
    assert "link" not in call["body"]["image"] and call["body"]["image"]["id"]
    uploads = stage.calls("whatsapp", operation="media", tenant="globex", accepted=True)
    assert {"type": "image/jpeg", "length": len(content)} in [upload["body"] for upload in uploads]


@pytest.mark.parametrize("count", [3, 10])
def test_a_tap_on_a_quick_reply_answers_the_structured_message(stage: Stage, count: int) -> None:
    customer = stage.new_customer()
    stage.customer_says(customer, "Which colours are there?")
    replies = [{"text": f"Colour {n}", "payload": f"colour-{n}"} for n in range(count)]
    asked = stage.agent_says(customer, "Choose one", quick_replies=replies)
    sent = stage.received(customer)
    action = stage.calls("whatsapp", id=sent["callback_data"])[0]["body"]["interactive"]["action"]
    if count == 3:
        ids, kind = [button["reply"]["id"] for button in action["buttons"]], "button_reply"
    else:
        ids, kind = [row["id"] for section in action["sections"] for row in section["rows"]], "list_reply"
    assert ids == [f"{asked}:colour-{n}" for n in range(count)]

    tap = {"type": kind, kind: {"id": ids[1], "title": "Colour 1"}}
    wamid = stage.customer_says(customer, {"type": "interactive", "interactive": tap})
    answered = stage.line("genesys", wamid=wamid)
    assert (answered["kind"], answered["payload"], answered["originating_message_id"]) == (
        "structured_response",
        "colour-1",
        asked,
    )


def test_a_tap_on_somebody_elses_button_arrives_as_text(stage: Stage) -> None:
    tap = {"type": "button_reply", "button_reply": {"id": "not-ours", "title": "Call me"}}
    wamid = stage.customer_says(stage.new_customer(), {"type": "interactive", "interactive": tap})
    arrived = stage.line("genesys", wamid=wamid)
    assert (arrived["kind"], arrived["text"]) == ("text", "Call me")


def test_reactions_and_locations_arrive_as_text(stage: Stage) -> None:
    customer = stage.new_customer()
    first = stage.customer_says(customer, "Hello")
    reaction = {"type": "reaction", "reaction": {"message_id": first, "emoji": "👍"}}
    place = {"latitude": 51.5007, "longitude": -0.1246, "name": "Clock tower", "address": "London SW1A"}
    said = {
        stage.customer_says(customer, reaction): ("👍",),
        stage.customer_says(customer, {"type": "location", "location": place}): ("Clock tower", "51.5007"),
        stage.customer_says(customer, {"type": "poll", "poll": {"question": "?"}}): ("",),
    }
    for wamid, words in said.items():
        arrived = stage.line("genesys", wamid=wamid)
        assert arrived["kind"] == "text" and arrived["text"].strip()
        assert all(word in arrived["text"] for word in words)


def test_a_customer_with_a_user_id_is_answered_by_it(stage: Stage) -> None:
    customer, user_id = stage.new_customer(), "GB.13491208655302741918"
    stage.device(customer, user_id=user_id)
    wamid = stage.customer_says(customer, "Hello from my user id", "globex")
    assert stage.line("genesys", wamid=wamid)["customer"] == user_id
    stage.agent_says(user_id, "Hello to your user id", tenant_id="globex")
    stage.received(user_id)


def test_an_echo_is_kept_and_never_sent(stage: Stage) -> None:
    number, customer = stage.tenant("acme")["whatsapp"]["phone_number_id"], stage.new_customer()
    text = {"type": "text", "text": {"body": "Typed on the shop's own telephone"}}
    head = {"from": "442079460001", "to": customer, "id": f"wamid.ECHO{customer}", "timestamp": "1790000000"}
    value = {"message_echoes": [head | text]}
    webhook = {"phone_number_id": number, "field": "smb_message_echoes", "value": value}
    stage.control("POST", "whatsapp", "webhooks", webhook)
    echo = stage.mapping(whatsapp_message_id=f"wamid.ECHO{customer}")
    message = stage.message(echo["message_id"], direction="outbound")
    assert message["text"] == "Typed on the shop's own telephone"
    # What is said after it has arrived, so an echo that went out would have been seen.
    later = stage.agent_says(customer, "Later")
    stage.line("genesys", id=later, receipt="Delivered")
    assert [line["text"] for line in stage.lines("whatsapp", direction="outbound", customer=customer)] == ["Later"]


@pytest.mark.parametrize("type", ["message.composed", "message.received"])
def test_another_program_produces_an_event(stage: Stage, type: str) -> None:
    customer = stage.new_customer()
    event = {
        "specversion": "1.0",
        "id": f"crm-{customer}",
        "source": "crm",
        "type": type,
        "tenantid": "acme",
        "time": stage.now(),
        "data": {
            "channel": stage.tenant("acme")["whatsapp"]["phone_number_id"],
            "customer": {"wa_id": customer},
            "content": {"kind": "text", "text": f"Your parcel {customer} is here."},
        },
    }
    for _ in range(2):
        id = stage.produce(event)
    platform: Platform = "whatsapp" if type == "message.composed" else "genesys"
    wanted: dict[str, Any] = {"text": f"Your parcel {customer} is here.", "customer": customer}
    until(f"the event at {platform}", lambda: stage.lines(platform, **wanted) or None)
    stage.message(id, text=wanted["text"])


def test_an_event_that_is_wrongly_signed_ends_in_the_dead_letters(stage: Stage) -> None:
    event = {"specversion": "1.0", "id": "forged-1", "source": "crm", "type": "message.composed", "tenantid": "acme"}
    stage.produce(event, secret="not the key of anybody")
    letter = until("the forged event's dead letter", lambda: dead_letter(stage, b"forged-1"))
    assert "signature" in letter["reason"]


def dead_letter(stage: Stage, part: bytes) -> dict[str, str] | None:
    """Headers of the dead letter whose bytes contain ``part``."""

    async def look() -> dict[str, str] | None:
        async for record in read_raw(stage.running["kafka"], "relaylog.dead-letters"):
            if part in (record.value or b""):
                return {key: value.decode() for key, value in record.headers}
        return None

    return asyncio.run(look())


def whatsapp_update(stage: Stage, tenant: str, wamid: str, customer: str = "447700899999") -> bytes:
    whatsapp = stage.tenant(tenant)["whatsapp"]
    head = {"from": customer, "id": wamid, "timestamp": str(int(time.time()))}
    message = head | {"type": "text", "text": {"body": "x"}}
    metadata = {"display_phone_number": "442079460001", "phone_number_id": whatsapp["phone_number_id"]}
    value = {"messaging_product": "whatsapp", "metadata": metadata, "messages": [message]}
    entry = {"id": whatsapp["waba_id"], "changes": [{"field": "messages", "value": value}]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


def hex_signature(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def test_a_webhook_that_comes_again_and_again_is_one_message(stage: Stage) -> None:
    customer = stage.new_customer()
    wamid = f"wamid.AGAIN{customer}"
    body = whatsapp_update(stage, "acme", wamid, customer)
    signature = hex_signature(stage.tenant("acme")["whatsapp"]["app_secret"], body)
    for _ in range(5):
        assert stage.webhook("whatsapp/main", body, signature).json()["accepted"] == 1
    # In the same thread, so whatever the copies demanded has gone out before it.
    stage.line("genesys", wamid=stage.customer_says(customer, "The last word"))
    assert len(stage.calls("genesys", id=wamid)) == 1
    conversation = stage.mapping(whatsapp_message_id=wamid)["conversation_id"]
    shown = stage.ask(f"/v1/conversations/{conversation}/messages").json()
    assert [message["text"] for message in shown["items"]].count("x") == 1


def test_what_is_wrongly_signed_is_refused(stage: Stage) -> None:
    body = whatsapp_update(stage, "acme", "wamid.FORGED")
    other = stage.tenant("globex")["whatsapp"]["app_secret"]
    assert stage.webhook("whatsapp/main", body, hex_signature(other, body)).status_code == 401
    assert stage.webhook("whatsapp/unknown-app", body, hex_signature(other, body)).status_code == 401
    genesys = stage.tenant("acme")["genesys"]
    # Right key and bytes, but in hex as Meta writes it: Genesys writes base64.
    wrong = hex_signature(genesys["webhook_secret"], b"{}")
    assert stage.webhook(f"genesys/{genesys['integration_id']}", b"{}", wrong).status_code == 401


def test_a_number_of_another_app_is_a_dead_letter_and_never_a_fact(stage: Stage) -> None:
    body = whatsapp_update(stage, "globex", "wamid.FOREIGN")
    answer = stage.webhook("whatsapp/main", body, hex_signature(stage.tenant("acme")["whatsapp"]["app_secret"], body))
    assert answer.status_code == 200
    assert answer.json()["accepted"] == 0 and answer.json()["dead_lettered"] == 1
    letter = until("the foreign number's dead letter", lambda: dead_letter(stage, b"wamid.FOREIGN"))
    assert letter["reason"] and letter["origin"]
    for tenant in ("acme", "globex"):
        assert stage.mappings(tenant, whatsapp_message_id="wamid.FOREIGN") == []


def test_the_handshake_answers_the_challenge(stage: Stage) -> None:
    for tenant in ("acme", "globex"):
        number = stage.tenant(tenant)["whatsapp"]["phone_number_id"]
        done = stage.control("POST", "whatsapp", "handshakes", {"phone_number_id": number})
        assert done == {"verified": True, "status": 200}
    wrong = {"hub.mode": "subscribe", "hub.challenge": "1", "hub.verify_token": "guess"}
    assert stage.http.get(f"{stage.running['gateway']}/webhooks/whatsapp/main", params=wrong).status_code == 403


def test_one_customer_of_two_tenants_is_two_strangers(stage: Stage) -> None:
    customer = stage.new_customer()
    stage.customer_says(customer, "A secret for acme")
    wamid = stage.customer_says(customer, "A secret for globex", "globex")
    stage.line("genesys", wamid=wamid)
    stage.judged(look_across=True)
    assert stage.mappings("acme", whatsapp_message_id=wamid) == []
    assert len(stage.mappings("globex", whatsapp_message_id=wamid)) == 1


def test_no_key_header_metric_or_log_line_names_a_person(stage: Stage) -> None:
    customer = stage.new_customer()
    wamid = stage.customer_says(customer, "Nobody else shall read this")
    stage.agent_says(customer, "Nor this")
    sent = stage.received(customer)
    stage.judged()
    secrets = [customer, wamid, sent["id"], "Nobody else shall read this", "Nor this", "wamid."]
    for topic in ("events", "outcomes", "dead-letters", "tenants", "sender-rates-changelog"):
        for place, text in asyncio.run(keys_and_headers(stage.running["kafka"], f"relaylog.{topic}")):
            assert not [secret for secret in secrets if secret in text], f"{topic}, {place}"
    for name in ("gateway", "agents", "project", "query"):
        log = (stage.up.data / "logs" / f"{name}.log").read_text()
        assert not [secret for secret in secrets if secret in log], f"log of {name}"
        assert customer not in stage.metrics(name)


async def keys_and_headers(address: str, topic: str) -> list[tuple[str, str]]:
    found = []
    async for record in read_raw(address, topic):
        texts = [record.key or b"", *(part for key, value in record.headers for part in (key.encode(), value or b""))]
        found += [(f"offset {record.offset}", text.decode(errors="replace")) for text in texts]
    return found


def test_every_process_answers_for_its_health(stage: Stage) -> None:
    for name in stage.running["metrics"]:
        for route in ("livez", "readyz"):
            assert stage.http.get(stage.running["metrics"][name].replace("metrics", route)).status_code == 200
        assert "# TYPE" in stage.metrics(name)


def test_the_whole_module_left_a_clean_history(stage: Stage) -> None:
    _, report = stage.judged(look_across=True)
    assert not report.ambiguous
