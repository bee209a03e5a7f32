"""What the facts demand, read from `events` independently of the sender's own planning and windows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from schemas.outcomes import Platform
from streams.log import Record
from tests.simulation.genesys import receipt_name

#: (partition, offset in ``events``)
FactId = tuple[int, int]
RECEIPTS = ("status.delivered", "status.read", "status.failed")


@dataclass(frozen=True, slots=True)
class Demand:
    """A delivery that a fact demands."""

    fact: FactId
    #: Event id of the fact.
    id: str
    tenant: str
    platform: Platform
    thread: str
    #: As the platform's books name it.
    name: str
    parts: int
    #: Unix milliseconds from which its age counts, and at which it was appended.
    time: str
    appended: int
    is_message: bool = True
    #: 0 but for a redrive.
    number: int = 0
    #: Of a redrive: offset of the original.
    original: int = -1
    #: Of a redrive: parts that it does not demand, since they had been taken.
    taken: int = 0
    #: A copy that may count, as the first one is not known any more: removed, or (receipts) before the window.
    optional: bool = False


class Event(msgspec.Struct):
    """As much of an envelope as is looked at here."""

    id: str
    type: str
    time: str
    data: dict[str, Any]
    recordedtime: str = ""
    tenantid: str = ""
    subject: str = ""
    causationid: str | None = None
    source: str = ""


decode_event = msgspec.json.Decoder(Event).decode


@dataclass
class Demands:
    """What the facts of all partitions demand, and what else is known of them."""

    all: list[Demand] = field(default_factory=list)
    #: Ids of facts of which a copy came, and the first of which retention took.
    forgotten: set[str] = field(default_factory=set)
    #: Ids of facts whose end was told to the agent, by ``status.failed`` of the sender itself.
    told: set[str] = field(default_factory=set)
    #: When a status that shows a part of a delivery was first appended, in Unix milliseconds.
    shown: dict[tuple[str, int], int] = field(default_factory=dict)


def read_demands(events: dict[int, list[Record]], starts: dict[int, int], window_ms: int) -> Demands:
    """The first record with an id counts; of the statuses of one message, the first that tells its end."""
    demands = Demands()
    for partition, records in events.items():
        _Reading(demands, partition, starts[partition], window_ms).read(records)
    return demands


class _Reading:
    """Of one partition."""

    def __init__(self, demands: Demands, partition: int, start: int, window_ms: int) -> None:
        self._demands = demands
        self._partition = partition
        #: What lies before it is gone by the end of the run.
        self._start = start
        self._window_ms = window_ms
        self._first: dict[str, int] = {}
        #: When a status that tells the end of a message was appended last, and where first.
        self._ended: dict[str, tuple[int, int]] = {}

    def read(self, records: list[Record]) -> None:
        for record in records:
            event, fact = decode_event(record.value or b""), (self._partition, record.offset)
            first = self._first.setdefault(event.id, record.offset)
            if event.type in RECEIPTS and event.causationid:
                self._demands.shown.setdefault((event.causationid, event.data.get("part", 1)), record.timestamp)
                if event.source == "relaylog/sender":
                    self._demands.told.add(event.causationid)
            demand = self._demand(fact, record, event)
            if first < record.offset and demand is not None and first < self._start:
                self._demands.forgotten.add(event.id)
                demand = replace(demand, optional=True)
            if demand is not None and (first == record.offset or first < self._start):
                self._demands.all.append(demand)

    def _demand(self, fact: FactId, record: Record, event: Event) -> Demand | None:
        if event.type in RECEIPTS:
            return self._receipt(fact, record, event)
        return _message(fact, record, event)

    def _receipt(self, fact: FactId, record: Record, event: Event) -> Demand | None:
        data = event.data
        if "genesys_id" not in data or (event.type != "status.failed" and data.get("part", 1) < data.get("parts", 1)):
            return None
        last, first = self._ended.get(data["message"], (None, record.offset))
        self._ended[data["message"]] = (record.timestamp, first)
        if last is not None and record.timestamp - last <= self._window_ms and first >= self._start:
            return None
        return replace(_receipt(fact, record, event), optional=last is not None)


def _message(fact: FactId, record: Record, event: Event) -> Demand | None:
    if event.type == "delivery.redriven":
        original = msgspec.convert(event.data["personal"]["original"], Event)
        again = _receipt(fact, record, original) if original.type in RECEIPTS else _message(fact, record, original)
        if again is None:
            return None
        number, offset, taken = event.data["number"], event.data["offset"], event.data.get("taken", 0)
        return replace(again, id=event.id, number=number, original=offset, taken=taken, time=event.time)
    if event.type not in ("message.received", "message.composed"):
        return None
    composed = event.type == "message.composed"
    parts = event.data["personal"]["content"]["text"].count("\n") + 1 if composed else 1
    return Demand(
        fact=fact,
        id=event.id,
        tenant=event.tenantid,
        platform="whatsapp" if composed else "genesys",
        thread=event.subject,
        name=event.id,
        parts=parts,
        time=event.time,
        appended=record.timestamp,
    )


def _receipt(fact: FactId, record: Record, event: Event) -> Demand:
    return Demand(
        fact=fact,
        id=event.id,
        tenant=event.tenantid,
        platform="genesys",
        thread=event.subject,
        name=receipt_name(event.data["genesys_id"], event.time),
        parts=1,
        time=event.time,
        appended=record.timestamp,
        is_message=False,
    )
