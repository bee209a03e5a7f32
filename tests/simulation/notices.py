"""Judges the notices of outages: who was told, and for which message."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from streams.log import Record
from tests.simulation.demands import Demand, FactId, decode_event
from tests.simulation.evidence import Evidence

#: Milliseconds within which an end that stands in the log is known to its sender.
KNOWN_MS = 1000


@dataclass(frozen=True, slots=True)
class Notice:
    """The first record of a notice."""

    fact: FactId
    id: str
    tenant: str
    thread: str
    #: Event id of the message that waits.
    message: str
    #: Unix milliseconds.
    appended: int


def unfounded(evidence: Evidence) -> Iterator[str]:
    """Only tenants that want it are told, and only of messages that waited so long."""
    for notice in read_notices(evidence):
        if evidence.tenants[notice.tenant].outage_notice is None:
            yield f"told of an outage, though its tenant wants no notices: {notice}"
        waiting = _waiting(evidence, notice)
        if waiting is None:
            yield f"told of a message that is not there: {notice}"
            continue
        due = waiting.appended + round(1000 * evidence.settings.outage_notice_after)
        ended = _ended(evidence, waiting)
        if notice.appended < due:
            yield f"told {due - notice.appended} ms early: {notice}"
        if ended is not None and ended + KNOWN_MS < due:
            yield f"told of an outage, though its message had ended {due - ended} ms before it was due: {notice}"


def read_notices(evidence: Evidence) -> Iterator[Notice]:
    """All notices, in the order of each partition; a notice appended again is a copy."""
    seen: set[str] = set()
    for (topic, partition), records in sorted(evidence.log.records.items()):
        for record in records if topic == "events" else ():
            notice = _notice(partition, record)
            if notice is not None and notice.id not in seen:
                seen.add(notice.id)
                yield notice


def _notice(partition: int, record: Record) -> Notice | None:
    if record.header("type") != b"message.composed":
        return None
    event = decode_event(record.value or b"")
    if event.source != "relaylog/sender":
        return None
    fact, message = (partition, record.offset), event.causationid or ""
    return Notice(fact, event.id, event.tenantid, event.subject, message, record.timestamp)


def _waiting(evidence: Evidence, notice: Notice) -> Demand | None:
    demands = evidence.facts.get(notice.message, ())
    return next((demand for demand in demands if demand.fact < notice.fact), None)


def _ended(evidence: Evidence, demand: Demand) -> int | None:
    """When the log first said that a delivery had ended."""
    story, partition = evidence.story(demand.fact), demand.fact[0]
    if story.ending is not None:
        return story.ending.timestamp
    confirmed = story.confirmed.get(demand.parts)
    return None if confirmed is None else evidence.log.records["outcomes", partition][confirmed].timestamp
