"""Judges the lanes: one call of a thread and platform at a time."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from tests.simulation.books import Call
from tests.simulation.demands import Demand
from tests.simulation.evidence import Evidence, is_unknown, right
from tests.simulation.trail import Attempt


@dataclass(frozen=True, slots=True)
class _Sent:
    call: Call
    demand: Demand
    #: Number of the takeover under which it was attempted; None without an attempt.
    owner: int | None
    #: Its process was stopped in front of it, and replaced meanwhile.
    is_of_zombie: bool


def overlapping(evidence: Evidence) -> Iterator[str]:
    """No call of a lane leaves while another one waits for its answer.

    But for a process that was stopped in front of its call, and replaced meanwhile: nobody can keep it from that call,
    which is ambiguous for its successor. And nobody waits for the answer about a fact that retention has taken, or
    knows a copy of one.
    """
    under_way: dict[tuple[str, str], list[_Sent]] = {}
    for call in evidence.books.sent:
        if call.name not in evidence.facts:
            continue
        attempt, demand = right(evidence, call)
        if is_unknown(evidence, demand):
            continue
        owner = None if attempt is None else bisect_left(evidence.trail.claims[demand.fact[0]], attempt.offset)
        sent = _Sent(call, demand, owner, _is_of_zombie(evidence, call, attempt, demand))
        lane = (demand.thread, demand.platform)
        others = [other for other in under_way.get(lane, ()) if other.call.ended > call.began]
        under_way[lane] = [*others, sent]
        for other in others:
            if sent.is_of_zombie or other.is_of_zombie:
                evidence.reached["call of a zombie beside its successor's"] += 1
            elif not _is_known_by_another(evidence, other, sent):
                yield f"two calls of a lane at once: {call} and {other.call}"


def _is_of_zombie(evidence: Evidence, call: Call, attempt: Attempt | None, demand: Demand) -> bool:
    if attempt is None or call.part not in evidence.story(demand.fact).ambiguous:
        return False
    partition = demand.fact[0]
    claims = evidence.trail.claims[partition]
    if bisect_left(claims, attempt.offset) == bisect_left(claims, call.log_end_sent):
        return False
    attempted = evidence.log.records["outcomes", partition][attempt.offset].timestamp
    return any(stop.process == call.process and stop.ended >= attempted for stop in evidence.books.stops)


def _is_known_by_another(evidence: Evidence, other: _Sent, sent: _Sent) -> bool:
    """True when an earlier call's late result had made a former owner's answer needless."""
    confirmed = evidence.story(other.demand.fact).confirmed.get(other.call.part)
    return other.owner != sent.owner and confirmed is not None and confirmed < sent.call.log_end_sent
