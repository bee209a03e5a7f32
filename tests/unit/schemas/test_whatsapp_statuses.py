"""Statuses: from the callback data to message, thread and receipt, and what is known without it."""

from typing import Any

import pytest

from schemas.envelope import Envelope, decode_data
from schemas.events import StatusData
from schemas.identity import thread_of
from schemas.ids import thread_subject, whatsapp_message_id
from schemas.whatsapp.callback import CallbackData, encode_callback
from tests.unit.schemas.samples import BSUID, CUSTOMER, GENESYS_ID, NUMBER, tenant, whatsapp

DELIVERY = "8cf1736e-2c6c-5b01-978b-7fa0cb855aba"
THREAD = thread_of(tenant(), NUMBER, CUSTOMER)


def element(**fields: Any) -> dict[str, Any]:
    return {"id": "wamid.B1", "status": "delivered", "timestamp": "1763805602", "recipient_id": CUSTOMER, **fields}


def status(identity: str = "bsuid", contacts: tuple[Any, ...] = (), **fields: Any) -> tuple[Envelope, StatusData]:
    (fact,) = whatsapp({"statuses": [element(**fields)], "contacts": [*contacts]}, owner=tenant(identity)).facts
    return fact, decode_data(fact, StatusData)


def callback(customer: str = CUSTOMER, part: int = 1, parts: int = 1) -> str:
    subject = thread_of(tenant(), NUMBER, customer).subject
    return encode_callback(CallbackData(DELIVERY, subject, part, parts, GENESYS_ID))


def test_our_callback_data_names_message_thread_and_genesys_id() -> None:
    fact, data = status(biz_opaque_callback_data=callback(part=2, parts=3))
    assert fact.subject == THREAD.subject
    assert fact.causationid == fact.correlationid == data.message == DELIVERY
    assert (data.part, data.parts, data.genesys_id, data.customer) == (2, 3, GENESYS_ID, THREAD.pseudonym)


@pytest.mark.parametrize("identity", ["bsuid", "phone"])
@pytest.mark.parametrize("sent_to", [CUSTOMER, BSUID])
def test_the_subject_tells_under_which_id_the_customer_was_addressed(identity: str, sent_to: str) -> None:
    both = [{"wa_id": CUSTOMER, "user_id": BSUID}]
    _, data = status(identity, tuple(both), biz_opaque_callback_data=callback(sent_to))
    assert data.personal.customer == sent_to
    assert data.customer == thread_of(tenant(), NUMBER, sent_to).pseudonym


def test_a_failed_status_that_names_another_id_names_no_customer() -> None:
    fact, data = status(biz_opaque_callback_data=callback(BSUID), status="failed")
    assert (data.customer, data.personal.customer) == (None, None)
    assert fact.subject == thread_of(tenant(), NUMBER, BSUID).subject


def test_without_callback_data_wamid_and_recipient_decide() -> None:
    fact, data = status(biz_opaque_callback_data="another program's")
    assert data.message == fact.correlationid == whatsapp_message_id("acme", "wamid.B1")
    assert fact.subject == thread_subject(tenant().pepper_bytes, NUMBER, CUSTOMER)
    assert (data.genesys_id, fact.causationid) == (None, None)


def test_without_any_recipient_the_thread_is_unknown() -> None:
    fact, data = status(recipient_id=None)
    assert (fact.subject, data.customer) == (None, None)


def test_a_group_status_is_its_participants_own() -> None:
    group: dict[str, Any] = {"recipient_type": "group", "recipient_id": "G1"}
    first, _ = status(**group, recipient_participant_id="1")
    second, data = status(**group, recipient_participant_id="2")
    assert first.id != second.id
    assert (second.subject, data.personal.recipient.wa_id) == (None, "2")


def test_one_id_a_status_of_a_message() -> None:
    facts = [status(status=name)[0] for name in ("sent", "delivered", "read", "played", "failed")]
    assert len({fact.id for fact in facts}) == 5
    assert status(timestamp="1763805609")[0].id == facts[1].id
    assert [fact.type for fact in facts] == [
        f"status.{name}" for name in ("sent", "delivered", "read", "played", "failed")
    ]


@pytest.mark.parametrize(
    ("errors", "code", "reason"),
    [
        (
            [{"code": 131053, "title": "t", "error_data": {"details": "No gifs."}}],
            "131053",
            "WhatsApp does not take the file: its type, size or address (WhatsApp: No gifs.)",
        ),
        ([{"code": 131021}], "131021", "The message was addressed to the number that sends it"),
        ([{"code": 999, "message": "m"}], "999", "m"),
        ([], "unknown", "WhatsApp gave no reason"),
    ],
)
def test_a_failure_keeps_code_and_words(errors: list[Any], code: str, reason: str) -> None:
    _, data = status(status="failed", errors=errors)
    assert data.failure is not None and (data.failure.code, data.failure.reason) == (code, reason)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [({"status": "warning"}, "invalid_status"), ({"id": ""}, "invalid_id"), ({"timestamp": None}, "invalid_timestamp")],
)
def test_an_unknown_status_is_kept(fields: dict[str, Any], reason: str) -> None:
    result = whatsapp({"statuses": [element(**fields)]})
    assert [(rejected.reason, rejected.element) for rejected in result.rejected] == [(reason, element(**fields))]
