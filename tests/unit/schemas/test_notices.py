"""The notice of an outage as a fact."""

import msgspec
import pytest

from schemas.envelope import Envelope, decode_data, envelope
from schemas.errors import UndecodableRecord
from schemas.events import Content, MessageData, MessagePersonal
from schemas.notices import outage_notice
from schemas.whatsapp.requests import message_calls

SAID, DUE, LATER = "2026-11-22T10:00:00.000Z", "2026-11-22T10:00:30.000Z", "2026-11-22T12:00:00.000Z"


def waiting(tenant: str | None = "acme") -> Envelope:
    content = Content(kind="text", text="Hello?")
    return envelope(
        id="7d3e6a44-98ee-5a1e-b70c-3f8b7be3d3ff",
        type="message.received",
        source="whatsapp/1055",
        time=SAID,
        recordedtime=SAID,
        tenantid=tenant,
        subject="thread",
        correlationid="story",
        data=MessageData(
            channel="1055",
            customer="pseudonym",
            direction="inbound",
            kind="text",
            personal=MessagePersonal(customer="447700900123", content=content),
        ),
    )


def test_a_notice_goes_to_the_customer_who_waits_and_belongs_to_the_thread() -> None:
    notice = outage_notice(waiting(), "We are away.", DUE, DUE)
    assert (notice.type, notice.tenantid, notice.subject) == ("message.composed", "acme", "thread")
    assert (notice.causationid, notice.correlationid) == (waiting().id, "story")
    data = decode_data(notice, MessageData)
    assert (data.author, data.direction, data.customer) == ("relaylog", "outbound", "pseudonym")
    (call,) = message_calls(notice, data)
    assert (call.body["to"], call.body["text"]["body"]) == ("+447700900123", "We are away.")


def test_a_notice_appended_again_later_is_the_same_fact_and_shows_that_it_is_late() -> None:
    first, again = outage_notice(waiting(), "We are away.", DUE, DUE), outage_notice(waiting(), "Other.", DUE, LATER)
    assert (first.id, first.time) == (again.id, again.time)
    assert again.recordedtime == LATER


def test_a_message_of_no_tenant_has_no_notice() -> None:
    with pytest.raises(UndecodableRecord, match="tenantid"):
        outage_notice(waiting(None), "We are away.", DUE, DUE)
    with pytest.raises(UndecodableRecord):
        outage_notice(msgspec.structs.replace(waiting(), data=msgspec.Raw(b"{}")), "We are away.", DUE, DUE)
