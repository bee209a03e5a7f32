"""Random histories of few messages, so that facts meet: late, twice, from clocks that run ahead."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from schemas import ids, outcomes
from schemas.envelope import decode, encode, envelope
from schemas.events import (
    AliasData,
    AliasPersonal,
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
    letter = GivenUp(cause=message_id(0), original=decode(draw(messages())), offset=0, number=0, channel="1")
    return encode(redriven(letter, number=number, reason="x", by="op", at=time))


@st.composite
def others(draw: st.DrawFn) -> bytes:
    if draw(st.booleans()):
        personal = AliasPersonal(previous=Person(wa_id="1"), current=Person(wa_id="2", name="Ann"))
        alias = AliasData(channel="1", customer="customer-0", new_customer="customer-1", personal=personal)
        return event("customer.alias_added", message_id(8), alias, draw(times), draw(times))
    receipt = ReceiptData(channel="1", genesys_id="remote-0", failure=Failure(code="1", reason="x"))
    return event("receipt.failed", message_id(7), receipt, draw(times), draw(times))


def histories() -> st.SearchStrategy[list[bytes]]:
    """Records of ``events`` and ``outcomes``, in any order."""
    return st.lists(st.one_of(messages(), statuses(), results(), redrives(), others()), min_size=1, max_size=25)
