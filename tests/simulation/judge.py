"""Judges a finished run by the platforms' books and the log; knows nothing of the sender's own state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from schemas.envelope import milliseconds_of_time
from tests.simulation.demands import Demand, FactId
from tests.simulation.evidence import Evidence, is_in_gap, right
from tests.simulation.hurried import hurried
from tests.simulation.lanes import overlapping
from tests.simulation.notices import told_twice, unfounded


def judge(evidence: Evidence) -> list[str]:
    """Every violation in words; empty when the promise was kept."""
    checks: tuple[Callable[[Evidence], Iterator[str]], ...] = (
        _lost,
        _without_a_right,
        _doubled,
        _invented,
        _reordered,
        overlapping,
        hurried,
        _given_up,
        _over_budget,
        unfounded,
        told_twice,
    )
    return [violation for check in checks for violation in check(evidence)]


def _lost(evidence: Evidence) -> Iterator[str]:
    """Every part of every demand arrived, or the log says why not."""
    arrived = {(a.platform, a.name, a.part) for a in evidence.books.arrivals if a.accepted}
    for demand in evidence.demands.all:
        story = evidence.story(demand.fact)
        if demand.optional or story.ending is not None or is_in_gap(evidence, demand):
            continue
        if demand.number and len(story.confirmed) < demand.parts and demand.parts not in story.confirmed:
            yield f"redrive {demand.number} lost: {demand}"
        for part in range(1, demand.parts + 1):
            if (demand.platform, demand.name, part) not in arrived:
                yield f"lost: part {part} of {demand}"


def _without_a_right(evidence: Evidence) -> Iterator[str]:
    """Each call had an attempt of the owner in force, in the log before it, and nothing before that confirmed it."""
    used: Counter[int] = Counter()
    for arrival in evidence.books.arrivals:
        if arrival.name not in evidence.facts:
            yield f"a call that no fact demands: {arrival}"
            continue
        attempt, demand = right(evidence, arrival)
        if attempt is None:
            yield f"called without a right: {arrival}"
            continue
        used[id(attempt)] += 1
        if used[id(attempt)] > 1:
            yield f"called twice with one attempt: {arrival}"
        if evidence.story(demand.fact).confirmed.get(arrival.part, attempt.offset) < attempt.offset:
            yield f"resent though confirmed: {arrival}"


def _doubled(evidence: Evidence) -> Iterator[str]:
    """More copies than attempts of which nobody knew better; none where a tenant wants them held."""
    counts = Counter((a.name, a.part) for a in evidence.books.arrivals if a.accepted)
    for (name, part), count in counts.items():
        demands = evidence.facts.get(name, ())
        if count == 1 or not demands or demands[0].id in evidence.demands.forgotten:
            continue
        wanted = sum(part > demand.taken for demand in demands)
        stories = [evidence.story(demand.fact) for demand in demands]
        ambiguous = sum(part in story.ambiguous for story in stories)
        attempts = sum(sum(a.part == part for a in story.attempts) - story.failed[part] for story in stories)
        if count > wanted and not ambiguous:
            yield f"sent {count} times, and not ambiguous: part {part} of {demands}"
        if count > attempts:
            yield f"sent {count} times in {attempts} attempts that were not refused: part {part} of {demands}"
        if evidence.tenants[demands[0].tenant].on_ambiguous == "hold" and count > wanted:
            yield f"sent {count} times, though its tenant holds: part {part} of {demands}"


def _invented(evidence: Evidence) -> Iterator[str]:
    """Nothing is confirmed that did not arrive."""
    first: dict[tuple[str, int], int] = {}
    for a in evidence.books.arrivals:
        if a.accepted:
            first.setdefault((a.name, a.part), a.log_end)
    for name, demands in evidence.facts.items():
        for demand in demands:
            for part, offset in evidence.story(demand.fact).confirmed.items():
                if first.get((name, part), offset + 1) > offset:
                    yield f"confirmed though it did not arrive: part {part} of {demand}"


def _reordered(evidence: Evidence) -> Iterator[str]:
    """First arrivals of a lane come in the order of the log.

    Not promised for what was given up or removed: a former owner's call may come after its successor went on. Nor for a
    copy whose first fact was removed. A redrive is a fact of its own, behind what was said before it.
    """
    last: dict[tuple[str, str], tuple[int, int]] = {}
    redriven: dict[tuple[str, str], Demand] = {}
    for demand, part in _first_arrivals(evidence):
        if demand.optional or demand.id in evidence.demands.forgotten:
            continue
        if evidence.story(demand.fact).ending is not None or is_in_gap(evidence, demand):
            continue
        lane, here = (demand.thread, demand.platform), (demand.fact[1], part)
        if here < last.get(lane, (-1, 0)):
            yield f"reordered: {demand.platform} {demand.thread} {here} after {last[lane]}"
        last[lane] = max(here, last.get(lane, (-1, 0)))
        former = redriven.get(lane)
        if demand.number == 0:
            evidence.reached["said behind a redrive"] += former is not None
            continue
        redriven[lane] = demand
        # One command has one time.
        if former is not None and former.fact != demand.fact and former.time == demand.time:
            evidence.reached["redriven together"] += 1
            if demand.original < former.original:
                yield f"redriven together, and not in the order of the originals: {demand} after {former}"


def _first_arrivals(evidence: Evidence) -> Iterator[tuple[Demand, int]]:
    """The parts of every demand, as they first arrived for it."""
    seen: set[tuple[FactId, int]] = set()
    for arrival in evidence.books.arrivals:
        if arrival.accepted and arrival.name in evidence.facts:
            _, demand = right(evidence, arrival)
            if (demand.fact, arrival.part) not in seen:
                seen.add((demand.fact, arrival.part))
                yield demand, arrival.part


def _given_up(evidence: Evidence) -> Iterator[str]:
    """Nothing is given up without its reason, and the agent is told of each message."""
    for demand in evidence.demands.all:
        story = evidence.story(demand.fact)
        ending = story.ending
        if ending is None:
            continue
        holds = evidence.tenants[demand.tenant].on_ambiguous == "hold"
        refused = demand.name in evidence.books.refused
        if ending.type == "expired":
            age = ending.timestamp - milliseconds_of_time(demand.time)
            limit = evidence.settings.message_max_age if demand.is_message else evidence.settings.receipt_max_age
            if age < 1000 * limit:
                yield f"expired after {age} ms: {demand}"
        elif ending.code == "ambiguous":
            if not holds or not story.attempts:
                yield f"held: {demand}"
        elif not refused and "gave up" not in ending.reason:
            yield f"given up for no reason, {ending}: {demand}"
        if demand.is_message and demand.id not in evidence.demands.told:
            yield f"given up, and the agent was not told: {demand}"
        evidence.reached["held" if ending.code == "ambiguous" else ending.type] += 1


def _over_budget(evidence: Evidence) -> Iterator[str]:
    yield from evidence.books.avoidable


def reached(evidence: Evidence) -> Counter[str]:
    """What the log and the books show to have happened; call it after `judge`."""
    long = sum(len(story.ambiguous) for story in evidence.trail.stories.values() if story.parts > 1)
    return +(
        evidence.reached
        + evidence.trail.reached
        + evidence.books.reached
        + Counter(
            {
                "ambiguous part of a long message": long,
                "copy after its first fact was removed": len(evidence.demands.forgotten),
            }
        )
    )
