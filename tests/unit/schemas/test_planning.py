"""Which delivery a fact demands, what makes two facts duplicates, and that a plan is the same every time."""

from typing import Any

import msgspec
import pytest

from schemas.delivery import Delivery, Recent
from schemas.envelope import Envelope, envelope
from schemas.errors import UndecodableRecord, UnknownEventVersion
from schemas.events import Failure, StatusData, StatusPersonal
from schemas.planning import duplicate_keys, plan, plan_digest
from schemas.tenant import Tenant
from tests.unit.schemas.samples import (
    BSUID,
    CUSTOMER,
    GENESYS_ID,
    INTEGRATION,
    NUMBER,
    RECORDED,
    composed,
    genesys,
    media_link,
    message,
    received,
    tenant,
    whatsapp,
)

MESSAGE = "8cf1736e-2c6c-5b01-978b-7fa0cb855aba"


def planned(fact: Envelope, owner: Tenant | None = None) -> Delivery:
    delivery = plan(fact, owner or tenant(), media_link)
    assert delivery is not None
    return delivery


def status(name: str, **fields: Any) -> Envelope:
    base: dict[str, Any] = {"channel": NUMBER, "message": MESSAGE, "genesys_id": GENESYS_ID}
    personal = StatusPersonal(customer=CUSTOMER)
    data = StatusData(**{**base, "personal": personal, **fields})
    return envelope(
        id="3f0c4b1e-0000-5000-8000-000000000001",
        type=f"status.{name}",
        source="relaylog",
        time="2026-11-22T10:00:02.000Z",
        recordedtime=RECORDED,
        tenantid="acme",
        data=data,
    )


def test_a_message_of_a_customer_goes_to_genesys() -> None:
    contact = {"profile": {"name": "Ann P"}, "wa_id": CUSTOMER}
    (fact,) = whatsapp({"messages": [message()], "contacts": [contact]}).facts
    delivery = planned(fact)
    assert (delivery.id, delivery.tenant, delivery.platform, delivery.kind) == (fact.id, "acme", "genesys", "message")
    assert (delivery.lane, delivery.channel, delivery.time) == (fact.subject, NUMBER, fact.time)
    (call,) = delivery.calls
    base = f"/api/v2/conversations/messages/{INTEGRATION}/inbound/open"
    assert call.path == f"{base}/message?prefetchConversationId=true"
    assert call.body == {
        "channel": {
            "from": {"id": CUSTOMER, "idType": "Phone", "nickname": "Ann P"},
            "time": "2025-11-22T10:00:00.000Z",
            "messageId": "wamid.A1",
            "metadata": {
                "customAttributes": {
                    "waPhoneNumberId": NUMBER,
                    "waMessageType": "text",
                    "waCustomerNumber": CUSTOMER,
                }
            },
        },
        "text": "Hello",
    }


def test_a_user_id_is_opaque_to_genesys() -> None:
    sender = planned(received(from_user_id=BSUID)).calls[0].body["channel"]["from"]
    assert (sender["id"], sender["idType"]) == (BSUID, "Opaque")


def test_custom_attributes_are_short_strings() -> None:
    referral = {"source_id": "AD", "headline": "h" * 5000, "body": 7}
    attributes = planned(received(referral=referral)).calls[0].body["channel"]["metadata"]["customAttributes"]
    assert attributes["waReferralId"] == "AD" and len(attributes["waReferralHeadline"]) == 200
    assert all(isinstance(value, str) for value in attributes.values())


def test_a_file_of_a_customer_is_linked() -> None:
    file = {"id": "M1", "mime_type": "image/jpeg", "sha256": "s", "caption": "my cat"}
    body = planned(received(type="image", image=file)).calls[0].body
    assert body["text"] == "my cat"
    assert body["content"] == [
        {
            "contentType": "Attachment",
            "attachment": {
                "mediaType": "Image",
                "url": f"https://relaylog.example.com/media/acme-{NUMBER}-M1",
                "mime": "image/jpeg",
                "sha256": "s",
                "text": "my cat",
            },
        }
    ]


def test_a_tap_on_our_reply_goes_to_the_structured_response() -> None:
    tap = {"type": "button_reply", "button_reply": {"id": f"{GENESYS_ID}:YES", "title": "Yes"}}
    (call,) = planned(received(type="interactive", interactive=tap)).calls
    assert call.path == f"/api/v2/conversations/messages/{INTEGRATION}/inbound/open/structured/response"
    assert call.body["buttonResponse"] == {"type": "QuickReply", "text": "Yes", "payload": "YES"}
    assert call.body["originatingMessageId"] == GENESYS_ID


def test_a_foreign_tap_goes_as_text() -> None:
    tap = {"type": "button_reply", "button_reply": {"id": "menu:1", "title": "Yes"}}
    (call,) = planned(received(type="interactive", interactive=tap)).calls
    assert call.body["text"] == "Yes" and "/message?" in call.path


INNER = {"type": "text", "text": {"body": "at 5"}}


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"type": "edit", "edit": {"original_message_id": "wamid.B", "message": INNER}}, "Edited: at 5"),
        (
            {"type": "edit", "edit": {"original_message_id": "B", "message": {"type": "image", "image": {"id": "1"}}}},
            "Edited: [image]",
        ),
        ({"type": "revoke", "revoke": {"original_message_id": "wamid.B"}}, "[message deleted by the customer]"),
        ({"type": "reaction", "reaction": {"message_id": "wamid.B", "emoji": "👍"}}, "👍 (reaction)"),
    ],
)
def test_what_genesys_has_no_element_for_is_text(fields: dict[str, Any], text: str) -> None:
    body = planned(received(**fields)).calls[0].body
    assert body["text"] == text and "content" not in body


@pytest.mark.parametrize(
    "fact",
    [
        whatsapp({"message_echoes": [{**message(), "to": CUSTOMER}]}, "smb_message_echoes").facts[0],
        genesys(type="Event", events=[{"eventType": "Typing"}]).facts[0],
        genesys(type="Receipt", status="Published").facts[0],
        status("sent"),
        status("played"),
        status("delivered", genesys_id=None),
        status("read", part=1, parts=2),
        whatsapp({"errors": [{"code": 1}]}).facts[0],
    ],
    ids=lambda fact: fact.type,
)
def test_facts_that_demand_nothing(fact: Envelope) -> None:
    assert plan(fact, tenant(), media_link) is None


def typing() -> Envelope:
    return genesys(type="Event", events=[{"eventType": "Typing", "typing": {"type": "On", "duration": 5000}}]).facts[0]


def known(fact: Envelope) -> Recent:
    """Of that fact's thread one message of the customer is known."""
    return lambda thread: "wamid.newest" if thread == fact.subject else None


def test_typing_is_shown_under_the_customers_newest_message_and_marks_it_as_read() -> None:
    fact, willing = typing(), tenant().model_copy(update={"whatsapp_typing": True})
    delivery = plan(fact, willing, media_link, known(fact))
    assert delivery is not None
    assert (delivery.platform, delivery.kind, delivery.lane) == ("whatsapp", "typing", fact.subject)
    (call,) = delivery.calls
    assert call.path == f"/{NUMBER}/messages"
    assert call.body == {
        "messaging_product": "whatsapp",
        "status": "read",
        "message_id": "wamid.newest",
        "typing_indicator": {"type": "text"},
    }


def test_typing_is_not_shown_unless_the_tenant_wants_it_and_a_message_of_the_customer_is_known() -> None:
    fact, willing = typing(), tenant().model_copy(update={"whatsapp_typing": True})
    assert plan(fact, willing, media_link) is None
    assert plan(fact, tenant(), media_link, known(fact)) is None
    assert duplicate_keys(fact) == (fact.id,)


@pytest.mark.parametrize(("name", "said"), [("delivered", "Delivered"), ("read", "Delivered"), ("failed", "Failed")])
def test_the_terminal_receipt(name: str, said: str) -> None:
    failure = Failure(code="131047", reason="window closed") if name == "failed" else None
    fact = status(name, failure=failure, part=2, parts=2)
    delivery = planned(fact)
    (call,) = delivery.calls
    assert (delivery.platform, delivery.kind, delivery.id) == ("genesys", "receipt", fact.id)
    assert call.path == f"/api/v2/conversations/messages/{INTEGRATION}/inbound/open/receipt"
    reasons = {"reasons": [{"code": "MessageNotAllowed", "message": "window closed (131047)"}]} if failure else {}
    assert call.body == {
        "id": GENESYS_ID,
        "channel": {"to": {"id": CUSTOMER}, "time": fact.time},
        "status": said,
        "isFinalReceipt": True,
        **reasons,
    }


def test_statuses_of_one_message_share_the_key_of_its_receipt() -> None:
    facts = [status("delivered"), status("read"), status("failed", part=1, parts=3)]
    assert [duplicate_keys(fact)[1:] for fact in facts] == [(f"receipt:{MESSAGE}",)] * 3
    assert duplicate_keys(received()) == (received().id,)


def test_a_receipt_without_a_known_customer_names_the_integration() -> None:
    call = planned(status("delivered", personal=StatusPersonal())).calls[0]
    assert call.body["channel"]["to"] == {"id": INTEGRATION}


@pytest.mark.parametrize("fact", [received(), composed(), status("delivered")], ids=lambda fact: fact.type)
def test_what_cannot_be_planned_is_said(fact: Envelope) -> None:
    with pytest.raises(UnknownEventVersion):
        plan(msgspec.structs.replace(fact, dataschema=f"{fact.type}/2"), tenant(), media_link)
    with pytest.raises(UndecodableRecord):
        plan(msgspec.structs.replace(fact, data=msgspec.Raw(b'{"channel": 1}')), tenant(), media_link)


@pytest.mark.parametrize("fact", [received(), composed(), status("delivered")], ids=lambda fact: fact.type)
def test_a_fact_whose_channel_is_not_in_the_record_is_planned_in_as_many_parts(fact: Envelope) -> None:
    without = tenant().model_copy(update={"channels": tenant(numbers=("77",)).channels[1:]})
    delivery, waiting = planned(fact), planned(fact, without)
    assert len(waiting.calls) == len(delivery.calls)
    assert msgspec.structs.replace(waiting, calls=()) == msgspec.structs.replace(delivery, calls=())


def test_a_message_under_a_foreign_id_is_undecodable() -> None:
    with pytest.raises(UndecodableRecord, match="not a UUID"):
        plan(msgspec.structs.replace(composed(), id="mine"), tenant(), media_link)


def test_a_plan_is_the_same_every_time_and_its_digest_tells_calls_apart() -> None:
    first, again = planned(composed()), planned(composed())
    assert first == again
    digest = plan_digest(first.calls[0])
    assert digest == plan_digest(again.calls[0]) and len(digest) == 16 and int(digest, 16) >= 0
    assert digest != plan_digest(planned(composed(text="Bye.")).calls[0])
