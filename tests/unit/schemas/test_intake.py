"""Events of other programs: what they become, and which field an error names."""

import json
from typing import Any

import pytest

from schemas.conversation_events import AttributesData
from schemas.customer_events import ContextWrite, UpdatedData
from schemas.envelope import decode_data
from schemas.errors import InvalidInput
from schemas.ids import customer_pseudonym, event_id, thread_subject
from schemas.intake import translate_intake
from schemas.planning import plan
from tests.unit.schemas.samples import BSUID, CUSTOMER, NUMBER, RECORDED, media_link, message_of, tenant

NOTED = "conversation.attributes_changed"


def event(data: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    base = {"channel": NUMBER, "customer": {"wa_id": CUSTOMER}, "content": {"kind": "text", "text": "It is here."}}
    return {
        "specversion": "1.0",
        "id": "crm-4711",
        "source": "crm",
        "type": "message.composed",
        "tenantid": "acme",
        "time": "2026-11-22T11:00:00+01:00",
        "data": {**base, **(data or {})},
        **fields,
    }


def encoded(body: Any) -> bytes:
    return json.dumps(body).encode()


def test_a_composed_message_goes_to_whatsapp() -> None:
    fact = translate_intake(encoded(event()), tenant(), RECORDED)
    data = message_of(fact)
    assert fact.id == fact.correlationid == event_id("acme", "intake", "message.composed", "crm", "crm-4711")
    assert (fact.source, fact.time, fact.recordedtime) == ("intake/crm", "2026-11-22T10:00:00.000Z", RECORDED)
    assert fact.subject == thread_subject(tenant().pepper_bytes, NUMBER, CUSTOMER)
    assert (data.direction, data.author, data.kind, data.genesys_id) == ("outbound", "api", "text", None)
    assert data.personal.original == event()
    delivery = plan(fact, tenant(), media_link)
    assert delivery is not None and delivery.platform == "whatsapp"
    assert delivery.calls[0].body["to"] == f"+{CUSTOMER}"


def test_a_received_message_goes_to_genesys() -> None:
    picture = {"kind": "image", "media": {"url": "https://crm.example.com/1.png", "mime": "image/png"}}
    customer = {"wa_id": f"+{CUSTOMER}", "user_id": BSUID, "name": "Ann"}
    value = encoded(event({"content": picture, "customer": customer}, type="message.received"))
    fact = translate_intake(value, tenant(), RECORDED)
    delivery = plan(fact, tenant(), media_link)
    assert message_of(fact).direction == "inbound"
    assert delivery is not None and delivery.platform == "genesys"
    body = delivery.calls[0].body
    assert body["content"][0]["attachment"]["url"] == "https://crm.example.com/1.png"
    assert (body["channel"]["from"]["id"], body["channel"]["messageId"]) == (BSUID, fact.id)


def test_the_same_event_twice_is_one_and_another_source_is_another() -> None:
    first, again = (
        translate_intake(encoded(event()), tenant(), time) for time in (RECORDED, "2026-11-22T12:00:00.000Z")
    )
    other = translate_intake(encoded(event(source="shop")), tenant(), RECORDED)
    assert first.id == again.id != other.id


def test_choices_become_quick_replies() -> None:
    content = {"text": "Deliver?", "choices": [{"text": "Today"}, {"text": "Later", "payload": "L"}]}
    fact = translate_intake(encoded(event({"content": content})), tenant(), RECORDED)
    delivery = plan(fact, tenant(), media_link)
    assert message_of(fact).kind == "interactive" and delivery is not None
    buttons = delivery.calls[0].body["interactive"]["action"]["buttons"]
    assert [button["reply"]["id"] for button in buttons] == ["Today", "L"]


def test_an_event_without_a_time_happened_when_it_was_recorded() -> None:
    body = event()
    del body["time"]
    assert translate_intake(encoded(body), tenant(), RECORDED).time == RECORDED


def told(type: str, **data: Any) -> dict[str, Any]:
    """An event that is no message."""
    return event(type=type) | {"data": {"customer": {"wa_id": CUSTOMER}, **data}}


def test_a_service_tells_what_it_knows_of_a_customer() -> None:
    version = event_id("acme", "x", "y")
    context = {"document": {"tier": "gold"}, "replaces": version}
    value = encoded(told("customer.updated", profile={"language": "de", "tier": None}, context=context))
    fact = translate_intake(value, tenant(), RECORDED)
    data = decode_data(fact, UpdatedData)
    assert (fact.subject, data.by, data.personal.profile) == (None, "crm", {"language": "de", "tier": None})
    assert data.customer == customer_pseudonym(tenant().pepper_bytes, CUSTOMER)
    assert data.personal.context == ContextWrite(document={"tier": "gold"}, replaces=version)
    assert plan(fact, tenant(), media_link) is None


def test_a_service_labels_a_conversation() -> None:
    body = told(NOTED, channel=NUMBER, labels_added=["vip"], priority=3, attributes={"order": "47"})
    fact = translate_intake(encoded(body), tenant(), RECORDED)
    data = decode_data(fact, AttributesData)
    assert fact.subject == thread_subject(tenant().pepper_bytes, NUMBER, CUSTOMER)
    assert (data.labels_added, data.priority, data.personal.attributes) == (("vip",), 3, {"order": "47"})
    assert plan(fact, tenant(), media_link) is None


@pytest.mark.parametrize(
    ("body", "field", "expected"),
    [
        (event(tenantid="other"), "tenantid", "acme, whose key signed the event"),
        (event({"channel": "404"}), "data.channel", "the phone_number_id of a channel of tenant acme"),
        (event(type="message.echoed"), "type", "'message.composed', 'message.received'"),
        (event(specversion="0.3"), "specversion", "'1.0'"),
        (event(dataschema="message.composed/2"), "dataschema", "message.composed/1"),
        (event(id=""), "id", "text with at least 1 character"),
        (event(time="yesterday"), "time", ""),
        (event(time="0001-01-01T00:00:00+14:00"), "time", "a time of this century"),
        (event({"customer": {}}), "data.customer", "wa_id or user_id"),
        (event({"customer": {"wa_id": "Ann"}}), "data.customer.wa_id", ""),
        (event({"customer": {"wa_id": CUSTOMER, "phone": "1"}}), "data.customer.phone", "no such field"),
        (event({"content": {"kind": "text"}}), "data.content", "a text or a file"),
        (event({"content": {"kind": "image", "text": "x"}}), "data.content", "media for a file"),
        (event({"content": {"kind": "interactive", "text": "x"}}), "data.content", "choices"),
        (event({"content": {"kind": "image", "media": {"url": "file:///etc/passwd"}}}), "data.content.media.url", ""),
        (told("customer.updated"), "data", "a profile, a context or a name"),
        (told("customer.updated", channel=NUMBER), "data.channel", "no such field"),
        (told("customer.updated", profile={"a": 1}), "data.profile.a", ""),
        (told("customer.updated", context={"document": []}), "data.context.document", ""),
        (told("customer.updated", context={"document": {"a": "x" * 17_000}}), "data.context.document", "at most 16384"),
        (
            told("customer.updated", context={"document": {"a": "\x00"}}),
            "data.context.document",
            "without the character",
        ),
        (told("customer.updated", profile={"a": "\x00"}), "data.profile.a", "without the character"),
        (told("customer.updated", context={"document": {}, "replaces": "1"}), "data.context.replaces", ""),
        (told(NOTED, channel=NUMBER), "data", "attributes, labels_added"),
        (told(NOTED, channel="404", priority=1), "data.channel", "the phone_number_id"),
        (told(NOTED, channel=NUMBER, labels_added=["a"], labels_removed=["a"]), "data", "not added and removed"),
        ({}, "specversion", "a value"),
        ([], "value", ""),
    ],
)
def test_an_error_names_the_field_and_what_was_expected(body: Any, field: str, expected: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        translate_intake(encoded(body), tenant(), RECORDED)
    assert caught.value.field == field
    assert expected in caught.value.expected and caught.value.expected


def test_an_error_quotes_nothing_that_was_sent() -> None:
    with pytest.raises(InvalidInput) as caught:
        translate_intake(encoded(event({"customer": {"wa_id": "Ann Personal"}})), tenant(), RECORDED)
    assert "Personal" not in str(caught.value)


def test_what_is_no_json_is_named() -> None:
    with pytest.raises(InvalidInput, match="value: expected JSON"):
        translate_intake(b"\x00", tenant(), RECORDED)
