"""Random histories of few messages, so that facts meet: late, twice, from clocks that run ahead."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from schemas import ids, outcomes
from schemas.conversation_events import (
    AttributesData,
    AttributesPersonal,
    ClosedData,
    ConversationData,
    ConversationFailedData,
    ParticipantData,
    ParticipantPersonal,
    QueuedData,
)
from schemas.customer_events import (
    AliasData,
    AliasPersonal,
    ContextWrite,
    IdentifiedData,
    IdentifiedPersonal,
    PreferenceData,
    PreferencePersonal,
    UpdatedData,
    UpdatedPersonal,
)
from schemas.envelope import decode, encode, envelope
from schemas.events import (
    Content,
    Failure,
    MessageData,
    MessagePersonal,
    Person,
    ReceiptData,
    StatusData,
    StatusPersonal,
)
from schemas.redriving import GivenUp, redriven

TIMES = [f"2026-11-22T{hour:02d}:00:00.000Z" for hour in (9, 10, 11, 13)]
TENANT = "acme"

times = st.sampled_from(TIMES)
numbers = st.integers(0, 2)


def event(type: str, id: str, data: Any, time: str, recorded: str, customer: str | None = None) -> bytes:
    """A record of the log."""
    return encode(
        envelope(
            id=id,
            type=type,
            source="test",
            time=time,
            recordedtime=recorded,
            data=data,
            tenantid=TENANT,
            subject=None if customer is None else f"subject-{customer}",
        )
    )


def message_id(number: int) -> str:
    return ids.whatsapp_message_id(TENANT, f"wamid.{number}")


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    number, kind = draw(numbers), draw(st.sampled_from(["received", "composed", "echoed", "edited", "revoked"]))
    customer = f"customer-{number % 2}"
    # Copies of one fact may differ: a name changed between two deliveries of one webhook.
    person = Person(name=draw(st.sampled_from(["Ann", "Anna", None])), wa_id="447700900123")
    own = f"wamid.{number}" if kind in ("received", "composed", "echoed") else f"wamid.{kind}.{number}"
    data = MessageData(
        channel="1",
        customer=customer,
        direction="outbound" if kind in ("composed", "echoed") else "inbound",
        kind="text",
        personal=MessagePersonal(
            customer=customer,
            content=Content(kind="text", text=f"text {number}", refers_to=f"wamid.{number}"),
            person=person,
            whatsapp_id=own,
        ),
        genesys_conversation_id=draw(st.sampled_from([None, "g-1"])),
    )
    return event(f"message.{kind}", ids.whatsapp_message_id(TENANT, own), data, draw(times), draw(times), customer)


@st.composite
def statuses(draw: st.DrawFn) -> bytes:
    number, kind = draw(numbers), draw(st.sampled_from(["sent", "delivered", "read", "played", "failed"]))
    part = draw(st.integers(1, 2))
    data = StatusData(
        channel="1",
        message=message_id(number),
        part=part,
        parts=2,
        failure=Failure(code=str(part), reason="x") if kind == "failed" else None,
        personal=StatusPersonal(whatsapp_id=f"wamid.out.{number}.{part}"),
    )
    id = ids.event_id(TENANT, "status", kind, str(number), str(part))
    return event(f"status.{kind}", id, data, draw(times), draw(times))


@st.composite
def results(draw: st.DrawFn) -> bytes:
    number, attempt = draw(numbers), draw(st.integers(1, 2))
    kind = draw(st.sampled_from(["attempted", "accepted", "failed", "expired", "dead_lettered"]))
    named: dict[str, Any] = {
        "delivery": message_id(number),
        "offset": number,
        "platform": draw(st.sampled_from(["whatsapp", "genesys"])),
        "term": 0,
        "attempt": attempt,
    }
    failure = Failure(code="1", reason="x")
    record: outcomes.DeliveryRecord
    if kind == "attempted":
        record = outcomes.Attempted(**named, digest="0")
    elif kind == "accepted":
        remote = outcomes.RemoteIds(message=f"remote-{draw(numbers)}")
        record = outcomes.Accepted(**named, status=200, genesys_conversation_id="g-2", personal=remote)
    elif kind == "failed":
        record = outcomes.Failed(**named, status=503, failure=failure)
    else:
        record = outcomes.Ended(**named, failure=failure)
    return event(f"delivery.{kind}", message_id(9), record, draw(times), draw(times))


@st.composite
def redrives(draw: st.DrawFn) -> bytes:
    number, time = draw(st.integers(1, 2)), draw(times)
    letter = GivenUp(cause=message_id(0), original=decode(draw(messages())), offset=0, number=0, channel="1", taken=0)
    return encode(redriven(letter, number=number, reason="x", by="op", at=time))


@st.composite
def doings(draw: st.DrawFn) -> bytes:
    """What happens to a conversation besides messages."""
    number, variant = draw(numbers), draw(st.integers(0, 1))
    named: dict[str, Any] = {"channel": "1", "customer": f"customer-{number % 2}"}
    named["genesys_conversation_id"] = draw(st.sampled_from([None, "g-1", "g-2"]))
    kind = draw(st.sampled_from(["opened", "queued", "joined", "left", "attributes", "closed", "failed"]))
    data: ConversationData
    if kind == "queued":
        type, data = "conversation.queued", QueuedData(**named, queue_id=f"q-{variant}", queue="Parcels")
    elif kind in ("joined", "left"):
        type = f"conversation.participant_{kind}"
        who = ParticipantPersonal(name=draw(st.sampled_from([None, "Bea", "Bo"])))
        data = ParticipantData(**named, participant=f"p-{variant}", role="agent", user_id="u", personal=who)
    elif kind == "attributes":
        type = "conversation.attributes_changed"
        noted = AttributesPersonal(attributes={"order": draw(st.sampled_from([None, "1", "2"]))})
        labels = draw(st.sampled_from([(("vip",), ()), ((), ("vip",))]))
        data = AttributesData(
            **named, labels_added=labels[0], labels_removed=labels[1], priority=draw(st.integers(0, 2)), personal=noted
        )
    elif kind == "closed":
        type, data = "conversation.closed", ClosedData(**named, reason=draw(st.sampled_from(["", "solved"])))
    elif kind == "failed":
        type, data = "conversation.failed", ConversationFailedData(**named, failure=Failure(code="1", reason="x"))
    else:
        type, data = "conversation.opened", ConversationData(**named)
    id = ids.event_id(TENANT, "doing", kind, str(number), str(variant))
    return event(type, id, data, draw(times), draw(times), f"customer-{number % 2}")


@st.composite
def about_customers(draw: st.DrawFn) -> bytes:
    """Who customers are and what they want."""
    number, variant = draw(st.integers(0, 2)), draw(st.integers(0, 1))
    customer = f"customer-{number}"
    kind = draw(st.sampled_from(["identified", "updated", "opted_out", "opted_in", "alias_added"]))
    person = Person(wa_id=f"44{number}", user_id=draw(st.sampled_from([None, "GB.1"])))
    data: Any
    if kind == "identified":
        other = IdentifiedPersonal(person=person, other=Person(wa_id="447"))
        data = IdentifiedData(customer=customer, other_customer="customer-7", by="crm", personal=other)
    elif kind == "updated":
        write = ContextWrite(document={"vip": variant}, replaces=draw(st.sampled_from([None, message_id(1)])))
        profile = {"language": draw(st.sampled_from([None, "de", "en"]))}
        data = UpdatedData(customer=customer, by="crm", personal=UpdatedPersonal(profile=profile, context=write))
    elif kind == "alias_added":
        both = AliasPersonal(previous=person, current=Person(wa_id="449", name="Ann"))
        data = AliasData(channel="1", customer=customer, new_customer="customer-9", personal=both)
    else:
        data = PreferenceData(
            channel="1",
            customer=customer,
            category="marketing_messages",
            personal=PreferencePersonal(person=person),
        )
    return event(
        f"customer.{kind}", ids.event_id(TENANT, kind, str(number), str(variant)), data, draw(times), draw(times)
    )


@st.composite
def receipts(draw: st.DrawFn) -> bytes:
    receipt = ReceiptData(channel="1", genesys_id="remote-0", failure=Failure(code="1", reason="x"))
    return event("receipt.failed", message_id(7), receipt, draw(times), draw(times))


def histories() -> st.SearchStrategy[list[bytes]]:
    """Records of ``events`` and ``outcomes``, in any order."""
    talk = st.one_of(messages(), statuses(), results(), redrives(), receipts())
    return st.lists(st.one_of(talk, doings(), about_customers()), min_size=1, max_size=25)
