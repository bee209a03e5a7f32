"""Messages of every type: kind, readable text, identity of the customer, and what is never dropped."""

from typing import Any

import pytest

from schemas.events import AliasData, MessageData, PreferenceData
from schemas.ids import customer_pseudonym, thread_subject, whatsapp_message_id
from schemas.whatsapp.webhook import split_webhook, translate_change
from tests.unit.schemas.samples import (
    BSUID,
    CUSTOMER,
    GENESYS_ID,
    NUMBER,
    RECORDED,
    data_of,
    message,
    message_of,
    received,
    tenant,
    whatsapp,
    whatsapp_body,
)

CARD = {"name": {"formatted_name": "Ann P"}, "phones": [{"phone": "+44 7700 900123"}], "org": {"company": "Acme"}}
ITEM = {"product_retailer_id": "TEA", "quantity": 2, "item_price": 3.5, "currency": "GBP"}
FORM = {"type": "nfm_reply", "nfm_reply": {"response_json": '{"flow_token": "t", "size": ["M", "L"]}', "name": "flow"}}


def tap(identity: str) -> dict[str, Any]:
    return {"type": "list_reply", "list_reply": {"id": identity, "title": "Blue"}}


@pytest.mark.parametrize(
    ("fields", "kind", "text"),
    [
        ({}, "text", "Hello"),
        ({"type": "image", "image": {"id": "M1", "caption": "my cat"}}, "image", "my cat"),
        ({"type": "sticker", "sticker": {"id": "M1"}}, "sticker", ""),
        (
            {
                "type": "location",
                "location": {"latitude": 51.5, "longitude": -0.1, "name": "Depot", "address": "A1"},
            },
            "location",
            "Location: Depot, A1 (51.5, -0.1) https://www.google.com/maps?q=51.5,-0.1",
        ),
        ({"type": "contacts", "contacts": [CARD]}, "contacts", "Contact: Ann P, Acme, +44 7700 900123"),
        (
            {"type": "order", "order": {"product_items": [ITEM], "text": "quick please"}},
            "order",
            "Order: 2 x TEA (3.5 GBP each)\nNote: quick please",
        ),
        ({"type": "button", "button": {"payload": "STOP", "text": "Stop"}}, "button_reply", "Stop"),
        ({"type": "interactive", "interactive": tap("x")}, "list_reply", "Blue"),
        ({"type": "interactive", "interactive": FORM}, "flow_reply", "Form answers:\nsize: M, L"),
        ({"type": "interactive", "interactive": {"type": "new"}}, "interactive", "[interactive message: new]"),
        ({"type": "reaction", "reaction": {"message_id": "wamid.B", "emoji": "👍"}}, "reaction", "👍 (reaction)"),
        ({"type": "reaction", "reaction": {"message_id": "wamid.B"}}, "reaction", "(reaction removed)"),
        ({"type": "revoke", "revoke": {"original_message_id": "wamid.B"}}, "system", "[message deleted]"),
        ({"type": "hologram"}, "unsupported", "[unsupported message: hologram]"),
        ({"type": "interactive"}, "unsupported", "[unsupported message: interactive]"),
        ({"type": None}, "unsupported", "[unsupported message]"),
        (
            {"type": "unsupported", "errors": [{"code": 131051, "title": "Unknown", "error_data": "a poll"}]},
            "unsupported",
            "[unsupported message: a poll]",
        ),
    ],
)
def test_kind_and_readable_text(fields: dict[str, Any], kind: str, text: str) -> None:
    data = message_of(received(**fields))
    assert (data.kind, data.personal.content.kind, data.personal.content.text) == (kind, kind, text)
    assert data.personal.original == message(**fields)


def test_a_message_is_one_fact_under_the_wamids_id() -> None:
    fact = received()
    data = message_of(fact)
    pepper = tenant().pepper_bytes
    assert fact.id == fact.correlationid == whatsapp_message_id("acme", "wamid.A1")
    assert (fact.type, fact.source, fact.time) == ("message.received", f"whatsapp/{NUMBER}", "2025-11-22T10:00:00.000Z")
    assert (fact.recordedtime, fact.tenantid) == (RECORDED, "acme")
    assert fact.subject == thread_subject(pepper, NUMBER, CUSTOMER)
    assert data.customer == customer_pseudonym(pepper, CUSTOMER)
    assert (data.channel, data.direction, data.personal.whatsapp_id) == (NUMBER, "inbound", "wamid.A1")


CONTACT = {"profile": {"name": "Ann", "username": "@ann"}, "wa_id": CUSTOMER, "user_id": BSUID}


@pytest.mark.parametrize(
    ("identity", "fields", "contacts", "customer"),
    [
        ("bsuid", {}, [CONTACT], BSUID),
        ("phone", {}, [CONTACT], CUSTOMER),
        ("bsuid", {}, [], CUSTOMER),
        ("bsuid", {"from_user_id": BSUID}, [], BSUID),
        ("phone", {"from": None, "from_user_id": BSUID}, [], BSUID),
        ("phone", {"from": None}, [{"user_id": BSUID}], BSUID),
        ("bsuid", {"from": "15550002222"}, [CONTACT, {"wa_id": "15550002222", "user_id": "US.2"}], "US.2"),
        ("bsuid", {"from": "15550002222"}, [CONTACT], "15550002222"),
    ],
)
def test_the_customer_is_the_tenants_preferred_identity(
    identity: str, fields: dict[str, Any], contacts: list[Any], customer: str
) -> None:
    result = whatsapp({"messages": [message(**fields)], "contacts": contacts}, owner=tenant(identity))
    (fact,) = result.facts
    assert message_of(fact).personal.customer == customer
    assert fact.subject == thread_subject(tenant().pepper_bytes, NUMBER, customer)


def test_a_contact_adds_name_and_the_other_identity() -> None:
    (fact,) = whatsapp({"messages": [message()], "contacts": [CONTACT]}).facts
    person = message_of(fact).personal.person
    assert (person.name, person.username, person.wa_id, person.user_id) == ("Ann", "@ann", CUSTOMER, BSUID)


def test_a_tap_on_our_reply_names_its_message() -> None:
    ours = message_of(received(type="interactive", interactive=tap(f"{GENESYS_ID}:BLUE:1"))).personal.content
    assert (ours.payload, ours.originating_genesys_id) == ("BLUE:1", GENESYS_ID)
    foreign = message_of(received(type="interactive", interactive=tap("menu:BLUE"))).personal.content
    assert (foreign.payload, foreign.originating_genesys_id) == ("menu:BLUE", None)


def test_an_edit_is_a_fact_of_its_own_about_the_first_message() -> None:
    inner = {"type": "text", "text": {"body": "at 5"}, "context": {"id": "M0"}}
    fact = received(type="edit", edit={"original_message_id": "wamid.B", "message": inner})
    data = message_of(fact)
    assert (fact.type, data.kind, data.personal.content.text) == ("message.edited", "text", "at 5")
    assert data.personal.content.refers_to == "wamid.B"


def test_circumstances_are_kept() -> None:
    fields = {"context": {"id": "wamid.B", "forwarded": True}, "referral": {"source_id": "AD"}, "group_id": "G"}
    content = message_of(received(**fields)).personal.content
    assert content.refers_to == "wamid.B"
    assert content.details == {"referral": {"source_id": "AD"}, "group_id": "G", "forwarded": True}


def test_media_keeps_whatsapps_id_and_not_its_short_lived_url() -> None:
    file = {
        "id": "M1",
        "mime_type": "audio/ogg",
        "sha256": "s",
        "url": "https://lookaside.example.com/1",
        "voice": True,
    }
    content = message_of(received(type="audio", audio=file)).personal.content
    assert content.media is not None and (content.media.id, content.media.url) == ("M1", None)
    assert content.details == {"voice": True}


def test_a_new_number_joins_both_identities() -> None:
    system = {"body": "changed", "type": "user_changed_number", "wa_id": "15550002222"}
    told, alias = whatsapp({"messages": [message(type="system", system=system)]}).facts
    data = data_of(alias)
    assert (told.type, alias.type) == ("message.received", "customer.alias_added")
    assert alias.id != told.id and alias.causationid == told.id and alias.subject == told.subject
    assert isinstance(data, AliasData)
    assert (data.personal.previous.wa_id, data.personal.current.wa_id) == (CUSTOMER, "15550002222")
    pepper = tenant().pepper_bytes
    assert data.customer == customer_pseudonym(pepper, CUSTOMER)
    assert data.new_customer == customer_pseudonym(pepper, "15550002222")


def test_a_new_user_id_joins_both_identities() -> None:
    system = {"type": "user_changed_user_id", "user_id": "GB.2", "previous_user_id": BSUID}
    _, alias = whatsapp({"messages": [message(type="system", system=system)]}).facts
    data = data_of(alias)
    assert isinstance(data, AliasData)
    assert (data.personal.previous.user_id, data.personal.current.user_id) == (BSUID, "GB.2")


def test_an_echo_is_outbound_in_the_thread_of_its_recipient() -> None:
    echo = {**message(), "from": "15550001111", "to": CUSTOMER}
    (fact,) = whatsapp({"message_echoes": [echo]}, "smb_message_echoes").facts
    data = message_of(fact)
    assert (fact.type, data.direction, data.personal.customer) == ("message.echoed", "outbound", CUSTOMER)
    assert fact.subject == received().subject


@pytest.mark.parametrize(("value", "type"), [("stop", "customer.opted_out"), ("resume", "customer.opted_in")])
def test_preferences(value: str, type: str) -> None:
    element = {"wa_id": CUSTOMER, "category": "marketing_messages", "value": value, "timestamp": 1763805600}
    (fact,) = whatsapp({"user_preferences": [element]}, "user_preferences").facts
    data = data_of(fact)
    assert (fact.type, fact.time) == (type, "2025-11-22T10:00:00.000Z")
    assert isinstance(data, PreferenceData) and data.category == "marketing_messages"


@pytest.mark.parametrize(
    ("element", "reason"),
    [
        ({"from": CUSTOMER, "timestamp": "1763805600"}, "invalid_id"),
        ({"from": CUSTOMER, "id": "wamid.A", "timestamp": "tomorrow"}, "invalid_timestamp"),
        ({"from": CUSTOMER, "id": "wamid.A", "timestamp": "99999999999"}, "invalid_timestamp"),
        ({"id": "wamid.A", "timestamp": "1763805600"}, "invalid_from"),
        ("text", "invalid_element"),
        ({**message(), "half": "\ud800"}, "unencodable"),
    ],
)
def test_what_cannot_be_understood_is_kept_as_it_is(element: Any, reason: str) -> None:
    result = whatsapp({"messages": [element]})
    assert result.facts == []
    (rejected,) = result.rejected
    assert (rejected.reason, rejected.element) == (reason, element)


def test_nesting_without_end_is_kept() -> None:
    nested: list[Any] = []
    for _ in range(5000):
        nested = [nested]
    (rejected,) = whatsapp({"messages": [{**message(), "nested": nested}]}).rejected
    assert rejected.reason == "unencodable"


def test_errors_without_a_message_are_facts_once_an_hour() -> None:
    value = {"errors": [{"code": 131000, "title": "Something went wrong", "error_data": {"details": "why"}}]}
    (change,) = split_webhook(whatsapp_body(value))
    times = (RECORDED, "2026-11-22T10:59:59.000Z", "2026-11-22T11:00:00.000Z")
    first, again, later = (translate_change(change, tenant(), time).facts[0] for time in times)
    assert first.type == "platform.error_reported"
    assert first.id == again.id != later.id


@pytest.mark.parametrize(
    ("value", "field", "skipped"),
    [
        ({"calls": [{}, {}]}, "calls", {"field_calls": 2}),
        ({"event": "X"}, "account_update", {"field_account_update": 1}),
        ({}, "Not A Name", {"field_unknown": 1}),
        ({}, "messages", {"no_elements": 1}),
    ],
)
def test_what_is_not_ours_is_skipped_by_name(value: dict[str, Any], field: str, skipped: dict[str, int]) -> None:
    result = whatsapp(value, field)
    assert (result.facts, result.rejected, dict(result.skipped)) == ([], [], skipped)


def test_messages_of_one_person_are_one_thread_whatever_the_type() -> None:
    facts = [
        received(),
        received(type="hologram", id="wamid.2"),
        received(type="image", image={"id": "1"}, id="wamid.3"),
    ]
    assert len({fact.subject for fact in facts}) == 1
    assert all(isinstance(data_of(fact), MessageData) for fact in facts)
