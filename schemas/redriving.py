"""Redriving: a delivery that was given up is demanded again, by a fact of its own that carries the original whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from schemas.envelope import Envelope, decode, decode_data, encode, envelope
from schemas.errors import UndecodableRecord
from schemas.events import RedrivenData, RedrivenPersonal
from schemas.ids import event_id

REDRIVEN: Final = "delivery.redriven"


class _Channelled(msgspec.Struct):
    """The one field that all facts with a delivery share."""

    channel: str


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A delivery as the fact says whose dead letter is at hand."""

    #: Id of that fact: the original's own, or of the redrive that was given up again.
    cause: str
    original: Envelope
    #: Offset of the original in ``events``.
    offset: int
    #: How often the delivery had been redriven when it was given up.
    number: int
    channel: str
    #: How many parts the platform had taken.
    taken: int


def given_up(fact: Envelope, offset: int, taken: int = 0) -> GivenUp:
    """What the dead letter of ``fact``, which stands at ``offset`` of ``events``, is about.

    Raises UndecodableRecord when the fact does not have its shape, UnknownEventVersion as ``decode_data`` does.
    """
    if fact.type == REDRIVEN:
        data = decode_data(fact, RedrivenData)
        return GivenUp(fact.id, original_of(fact), data.offset, data.number, data.channel, taken)
    return GivenUp(fact.id, fact, offset, 0, decode_data(fact, _Channelled).channel, taken)


def redriven(letter: GivenUp, *, number: int, reason: str, by: str, at: str) -> Envelope:
    """The fact that demands the delivery again; the same number of the same delivery is the same fact.

    ``at`` is a canonical time. Raises UndecodableRecord when the original belongs to no tenant.
    """
    original = letter.original
    if original.tenantid is None:
        raise UndecodableRecord(f"{original.type}: tenantid: expected the tenant's id")
    return envelope(
        id=redrive_id(original.tenantid, original.id, number),
        type=REDRIVEN,
        source="relaylog/operator",
        time=at,
        recordedtime=at,
        tenantid=original.tenantid,
        subject=original.subject,
        causationid=letter.cause,
        correlationid=original.correlationid,
        data=RedrivenData(
            channel=letter.channel,
            delivery=original.id,
            number=number,
            offset=letter.offset,
            reason=reason,
            by=by,
            taken=letter.taken,
            personal=RedrivenPersonal(original=msgspec.Raw(encode(original))),
        ),
    )


def redrive_id(tenant: str, delivery: str, number: int) -> str:
    """Event id of the ``number``-th redrive of a delivery."""
    return event_id(tenant, "relaylog", "redrive", delivery, str(number))


def original_of(fact: Envelope) -> Envelope:
    """The fact whose delivery ``fact`` demands: the original of a redrive, any other fact itself.

    Raises UndecodableRecord when a redrive does not have its shape, UnknownEventVersion as ``decode_data`` does.
    """
    if fact.type != REDRIVEN:
        return fact
    data = decode_data(fact, RedrivenData)
    original = decode(bytes(data.personal.original))
    if original.type == REDRIVEN or original.id != data.delivery or original.tenantid != fact.tenantid:
        raise UndecodableRecord(f"{fact.type}: personal.original: expected the fact {data.delivery} of the same tenant")
    return original
