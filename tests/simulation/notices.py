"""Judges the notices of outages: who was told, for which message, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from schemas.envelope import milliseconds_of_time
from streams.log import Record
from tests.simulation.demands import Demand, FactId, decode_event
from tests.simulation.evidence import Evidence

#: Milliseconds within which an end that stands in the log is known to its sender.
KNOWN_MS = 1000
#: A refusal of what was said, which only a platform that works gives.
REFUSED = 400


@dataclass(frozen=True, slots=True)
class Notice:
    """The first record of a notice."""

    fact: FactId
    id: str
    tenant: str
    thread: str
    #: Event id of the message that waits.
    message: str
    #: Unix milliseconds at which its sender decided on it, and at which it stood in the log.
    decided: int
    appended: int


def unfounded(evidence: Evidence) -> Iterator[str]:
    """Only tenants that want it are told, and only of messages that waited so long."""
    for notice in read_notices(evidence):
        if evidence.tenants[notice.tenant].outage_notice is None:
            yield f"told of an outage, though its tenant wants no notices: {notice}"
        demands = _waiting(evidence, notice)
        reasons = [_unfounded_by(evidence, notice, demand) for demand in demands]
        if all(reasons):
            yield f"{reasons[-1] if reasons else 'told of a message that is not there'}: {notice}"


def _unfounded_by(evidence: Evidence, notice: Notice, waiting: Demand) -> str | None:
    due = waiting.appended + round(1000 * evidence.settings.outage_notice_after)
    ended = _ended(evidence, waiting)
    if notice.appended < due:
        return f"told {due - notice.appended} ms early"
    if ended is not None and ended + KNOWN_MS < due:
        return f"told of an outage, though its message had ended {due - ended} ms before it was due"
    return None


def told_twice(evidence: Evidence) -> Iterator[str]:
    """A thread is told once an outage, which lasts until something of its tenant's is taken or refused again.

    So neither a takeover nor a circuit that a mere question has closed makes another outage of it.
    """
    last: dict[tuple[str, str], Notice] = {}
    for notice in read_notices(evidence):
        former = last.get((notice.tenant, notice.thread))
        last[notice.tenant, notice.thread] = notice
        if former is None or former.fact[1] < evidence.log.starts["events", former.fact[0]]:
            continue  # Whom retention has made forget may be told again.
        if _is_of_a_zombie(evidence, former) or _is_of_a_zombie(evidence, notice):
            evidence.reached["notice of a zombie"] += 1
        elif any(former.appended <= at <= notice.appended for at in _answers(evidence, notice)):
            evidence.reached["told of two outages"] += 1
        else:
            yield f"told twice of one outage: {notice} after {former}"


def _is_of_a_zombie(evidence: Evidence, notice: Notice) -> bool:
    """Its sender had said that it tells, and was taken over from before the notice stood in the log.

    Like a call whose attempt stands in the log before the takeover: what is under way then no fence keeps out.
    """
    outcomes, claims = evidence.log.records["outcomes", notice.fact[0]], evidence.trail.claims[notice.fact[0]]
    said = (record for record in outcomes if record.header("type") == b"destination.outage_told")
    first = next((record.offset for record in said if record.timestamp >= notice.decided), len(outcomes))
    return any(first < claim and outcomes[claim].timestamp <= notice.appended for claim in claims)


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
    decided = milliseconds_of_time(event.recordedtime)
    return Notice(fact, event.id, event.tenantid, event.subject, message, decided, record.timestamp)


def _waiting(evidence: Evidence, notice: Notice) -> list[Demand]:
    """All records that demand it: which of them waited depends on what retention had taken by then."""
    demands = evidence.facts.get(notice.message, ())
    return [demand for demand in demands if demand.number == 0 and demand.fact < notice.fact]


def _ended(evidence: Evidence, demand: Demand) -> int | None:
    """When the log first said that a delivery had ended."""
    story, partition = evidence.story(demand.fact), demand.fact[0]
    if story.ending is not None:
        return story.ending.timestamp
    confirmed = story.confirmed.get(demand.parts)
    return None if confirmed is None else evidence.log.records["outcomes", partition][confirmed].timestamp


def _answers(evidence: Evidence, notice: Notice) -> Iterator[int]:
    """When the log said that Genesys had taken or refused something of the tenant's: it was not away."""
    for record in evidence.log.records["outcomes", notice.fact[0]]:
        type_ = record.header("type")
        if type_ not in (b"delivery.accepted", b"delivery.failed"):
            continue
        event = decode_event(record.value or b"")
        works = type_ == b"delivery.accepted" or event.data["status"] == REFUSED
        if works and event.tenantid == notice.tenant and event.data["platform"] == "genesys":
            yield record.timestamp
