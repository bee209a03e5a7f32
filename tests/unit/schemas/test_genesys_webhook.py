"""Notifications from Genesys: messages, typing, receipts, and what is not for us."""

from typing import Any

import pytest

from schemas.envelope import decode_data
from schemas.events import ReceiptData, TypingData
from schemas.genesys.webhook import translate_genesys
from schemas.ids import event_id, genesys_message_id, thread_subject, whatsapp_message_id
from tests.unit.schemas.samples import (
    BSUID,
    CUSTOMER,
    GENESYS_ID,
    INTEGRATION,
    NUMBER,
    RECORDED,
    composed,
    genesys,
    genesys_body,
    message_of,
    tenant,
)


def channel(**fields: Any) -> dict[str, Any]:
    return {**genesys_body()["channel"], **fields}


def test_a_text_is_a_message_composed_by_an_agent() -> None:
    fact = composed(conversationId="d06cb41e-f938-4dcf-b823-c8af1a39d7e5")
    data = message_of(fact)
    assert fact.id == fact.correlationid == genesys_message_id("acme", GENESYS_ID)
    assert (fact.type, fact.source, fact.time) == (
        "message.composed",
        f"genesys/{INTEGRATION}",
        "2026-11-22T10:00:01.250Z",
    )
    assert fact.subject == thread_subject(tenant().pepper_bytes, NUMBER, CUSTOMER)
    assert (data.direction, data.author, data.kind, data.genesys_id) == ("outbound", "agent", "text", GENESYS_ID)
    assert data.genesys_conversation_id == "d06cb41e-f938-4dcf-b823-c8af1a39d7e5"
    assert (data.personal.customer, data.personal.content.text) == (CUSTOMER, "Hi Ann.")
    assert data.personal.original == genesys_body(conversationId=data.genesys_conversation_id)


@pytest.mark.parametrize(
    ("address", "customer", "wa_id", "user_id"),
    [(f"+{CUSTOMER}", CUSTOMER, CUSTOMER, None), (BSUID, BSUID, None, BSUID), ("a@b", "a@b", None, None)],
)
def test_the_customer_is_whom_genesys_addresses(
    address: str, customer: str, wa_id: str | None, user_id: str | None
) -> None:
    personal = message_of(composed(channel=channel(to={"id": address}))).personal
    assert (personal.customer, personal.person.wa_id, personal.person.user_id) == (customer, wa_id, user_id)


@pytest.mark.parametrize("time", [None, "soon", "0001-01-01T00:00:00+14:00", 7])
def test_a_message_without_a_readable_time_is_not_lost(time: Any) -> None:
    assert composed(channel=channel(time=time)).time == RECORDED


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"originatingEntity": "Bot"}, "text"),
        (
            {"type": "Structured", "content": [{"contentType": "QuickReply", "quickReply": {"text": "A"}}]},
            "interactive",
        ),
        ({"type": "Structured", "content": [{"contentType": "Notification"}]}, "template"),
        ({"type": "Hologram"}, "unsupported"),
    ],
)
def test_kinds(fields: dict[str, Any], kind: str) -> None:
    data = message_of(composed(**fields))
    assert (data.kind, data.author) == (kind, "bot" if "originatingEntity" in fields else "agent")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"channel": channel(id="other")}, "integration_mismatch"),
        ({"channel": channel(**{"from": {"id": "other"}})}, "integration_mismatch"),
        ({"channel": {}}, "integration_mismatch"),
        ({"type": "Receipt", "channel": channel(id="other")}, "integration_mismatch"),
        ({"type": "Hologram", "text": None}, "invalid_type"),
        ({"text": ""}, "invalid_content"),
        ({"channel": channel(to={})}, "invalid_id"),
        ({"id": None}, "invalid_id"),
        ({"type": "Receipt", "status": "Eaten"}, "invalid_status"),
        ({"type": "Event", "events": "Typing"}, "invalid_events"),
        ({"type": "Event", "events": [{"eventType": "Wink"}]}, "invalid_eventType"),
    ],
)
def test_what_cannot_be_understood_is_kept(fields: dict[str, Any], reason: str) -> None:
    result = genesys(**fields)
    assert (result.facts, result.skipped.total()) == ([], 0)
    assert [(rejected.reason, rejected.element) for rejected in result.rejected] == [(reason, genesys_body(**fields))]


@pytest.mark.parametrize(
    ("fields", "skipped"),
    [
        ({"direction": "Inbound"}, {"direction_inbound": 1}),
        ({"type": "Receipt", "status": "Delivered"}, {"receipt_delivered": 1}),
        ({"type": "Event", "events": [{"eventType": "Presence"}]}, {"event_presence": 1}),
        ({"type": "Event", "events": [{"eventType": "Typing", "typing": {"type": "Off"}}]}, {"event_typing_off": 1}),
    ],
)
def test_what_says_nothing_to_whatsapp_is_skipped_by_name(fields: dict[str, Any], skipped: dict[str, int]) -> None:
    result = genesys(**fields)
    assert (result.facts, result.rejected, dict(result.skipped)) == ([], [], skipped)


def test_typing_has_an_id_of_its_time() -> None:
    (fact,) = genesys(type="Event", events=[{"eventType": "Typing", "typing": {"type": "On", "duration": 5000}}]).facts
    data = decode_data(fact, TypingData)
    assert fact.id == event_id("acme", "genesys", "typing", GENESYS_ID, "2026-11-22T10:00:01.250Z")
    assert (fact.type, data.duration_ms) == ("typing.started", 5000)
    assert fact.subject == composed().subject


def test_a_receipt_is_about_a_message_of_the_customer() -> None:
    parties = {"from": {"id": CUSTOMER}, "to": {"id": INTEGRATION}, "messageId": "wamid.A1"}
    reasons = [{"code": "MediaTypeNotAllowed", "message": "no gifs"}]
    (fact,) = genesys(
        type="Receipt", status="Failed", reasons=reasons, direction="Inbound", channel=channel(**parties)
    ).facts
    data = decode_data(fact, ReceiptData)
    assert (fact.type, data.genesys_id) == ("receipt.failed", GENESYS_ID)
    assert data.failure is not None and (data.failure.code, data.failure.reason) == ("MediaTypeNotAllowed", "no gifs")
    assert fact.subject == composed().subject
    assert fact.correlationid == whatsapp_message_id("acme", "wamid.A1")


def test_published_and_failed_are_two_facts() -> None:
    (published,) = genesys(type="Receipt", status="Published").facts
    (failed,) = genesys(type="Receipt", status="Failed").facts
    assert published.type == "receipt.published" and published.id != failed.id


@pytest.mark.parametrize("body", [None, [], "text", 7])
def test_what_is_no_object_is_kept(body: Any) -> None:
    owner = tenant()
    (rejected,) = translate_genesys(body, owner, owner.channels[0], RECORDED).rejected
    assert (rejected.reason, rejected.element) == ("not_an_object", body)
