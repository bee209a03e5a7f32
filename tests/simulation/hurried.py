"""Judges the order at WhatsApp, which does not keep it: what comes after a message waits until that was shown."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator

from tests.simulation.books import Arrival
from tests.simulation.evidence import Evidence, is_unknown, right
from tests.simulation.log import EPOCH_MS

#: Seconds by which an arrival may come earlier than the sender's own clock would have it.
SLACK = 0.01


def hurried(evidence: Evidence) -> Iterator[str]:
    """Towards WhatsApp the next message waits until the one before was shown, or for the order wait."""
    shown = evidence.demands.shown
    arrived = Counter((a.name, a.part) for a in evidence.books.arrivals if a.accepted)
    before: dict[str, Arrival] = {}
    for arrival in evidence.books.arrivals:
        demands = evidence.facts.get(arrival.name)
        if arrival.platform != "whatsapp" or not demands:
            continue
        former = before.get(demands[0].thread)
        before[demands[0].thread] = arrival
        if former is None or not former.accepted or (former.name, former.part) == (arrival.name, arrival.part):
            continue
        # A call that was given up without its answer may have been on its way for as long as it was waited for.
        if _was_given_up(evidence, former) or _was_given_up(evidence, arrival):
            continue
        if _was_taken_over(evidence, demands[0].fact[0], former, arrival):
            if arrived[former.name, former.part] > 1 or not _was_heard_of(evidence, former, arrival):
                continue
            evidence.reached["order wait for what a former owner sent"] += 1
        waited, now = arrival.at - former.at, EPOCH_MS + 1000 * arrival.at
        if shown.get((former.name, former.part), now) >= now:
            evidence.reached["order wait over"] += 1
            if waited < evidence.settings.order_wait - SLACK:
                yield f"hurried: {arrival} {waited:.3f} s after {former}"
        else:
            evidence.reached["shown in time"] += 1


def _was_given_up(evidence: Evidence, arrival: Arrival) -> bool:
    return evidence.story(evidence.facts[arrival.name][0].fact).ending is not None


def _was_taken_over(evidence: Evidence, partition: int, former: Arrival, arrival: Arrival) -> bool:
    claims = evidence.trail.claims[partition]
    changed = bisect_left(claims, former.log_end_sent) != bisect_right(claims, arrival.log_end)
    return changed or former.process != arrival.process


def _was_heard_of(evidence: Evidence, former: Arrival, arrival: Arrival) -> bool:
    """The successor has read between its claim and its attempt that the former call was accepted.

    What stands before its claim it may know from a checkpoint, which does not say when that was. And where retention
    has taken the former fact from it, nothing stands in its lane for which it waits.
    """
    attempt, demand = right(evidence, arrival)
    _, former_demand = right(evidence, former)
    heard = evidence.story(former_demand.fact).confirmed.get(former.part)
    if attempt is None or heard is None or is_unknown(evidence, former_demand):
        return False
    claims = evidence.trail.claims[demand.fact[0]]
    return claims[bisect_left(claims, attempt.offset) - 1] < heard < attempt.offset
