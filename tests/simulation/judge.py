"""Judges a finished run by the platform's books and the log; knows nothing of the sender's own state."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.facts import Said
from tests.simulation.log import SimulatedLog
from tests.simulation.platform import Arrival, Books

Part = tuple[str, int]
#: Reason with which a delivery ends whose tenant wants it held when the answer to a call was lost.
HELD = "the answer to a call was lost"


@dataclass
class Trail:
    """What the log says about deliveries."""

    #: Parts whose answer was unknown when they were attempted again, or when another sender took over.
    ambiguous: set[Part] = field(default_factory=set)
    #: Offset of `outcomes` at which a part was confirmed.
    confirmed: dict[Part, int] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)


def read_trail(log: SimulatedLog, partitions: int) -> Trail:
    """Fold `outcomes` independently of the sender's ledger."""
    trail = Trail()
    for partition in range(partitions):
        open_: dict[Part, tuple[int, int]] = {}
        owner = -1
        for record in log.records["outcomes", partition]:
            event = json.loads(record.value or b"{}")
            data: dict[str, Any] = event["data"]
            part = (data.get("delivery", ""), data.get("part", 1))
            match event["type"]:
                case "sender.took_over":
                    owner = record.offset
                    trail.ambiguous |= open_.keys()
                case "delivery.attempted" if data["term"] == owner:
                    if part in open_:
                        trail.ambiguous.add(part)
                    open_[part] = (data["term"], data.get("attempt", 1))
                case "delivery.failed":
                    if open_.get(part) == (data["term"], data.get("attempt", 1)):
                        del open_[part]
                case "delivery.accepted":
                    open_.pop(part, None)
                    trail.confirmed.setdefault(part, record.offset)
                case "delivery.expired" | "delivery.dead_lettered":
                    trail.ended[data["delivery"]] = data["failure"]["reason"]
    return trail


def judge(said: list[Said], books: Books, log: SimulatedLog, partitions: int) -> list[str]:
    """Every violation in words; empty when the promise was kept."""
    trail = read_trail(log, partitions)
    accepted = [arrival for arrival in books.arrivals if arrival.accepted]
    return [
        *_lost(said, accepted, trail),
        *_reordered(accepted, trail, log, partitions),
        *_doubled(accepted, trail),
        *_doubled_though_held(said, accepted),
        *_resent_though_confirmed(accepted, trail),
    ]


def _lost(said: list[Said], accepted: list[Arrival], trail: Trail) -> list[str]:
    arrived = {(a.delivery, a.part) for a in accepted}
    return [
        f"lost: {s.thread} message {s.number} part {part}"
        for s in said
        for part in range(1, s.parts + 1)
        if (s.id, part) not in arrived and s.id not in trail.ended
    ]


def _reordered(accepted: list[Arrival], trail: Trail, log: SimulatedLog, partitions: int) -> list[str]:
    """Order is promised for what was not held: a stopped owner's call may come after its successor gave it up."""
    place: dict[str, int] = {}
    for partition in range(partitions):
        for record in log.records["events", partition]:
            place.setdefault(json.loads(record.value or b"{}")["id"], record.offset)
    last: dict[str, tuple[int, int]] = {}
    seen: set[Part] = set()
    violations = []
    for arrival in accepted:
        part = (arrival.delivery, arrival.part)
        if part in seen or trail.ended.get(arrival.delivery) == HELD:
            continue
        seen.add(part)
        here = (place[arrival.delivery], arrival.part)
        if here < last.get(arrival.thread, (-1, 0)):
            violations.append(f"reordered: {arrival.thread} {here} after {last[arrival.thread]}")
        last[arrival.thread] = max(here, last.get(arrival.thread, (-1, 0)))
    return violations


def _doubled(accepted: list[Arrival], trail: Trail) -> list[str]:
    counts = Counter((a.delivery, a.part) for a in accepted)
    return [f"sent {n} times, and not ambiguous: {p}" for p, n in counts.items() if n > 1 and p not in trail.ambiguous]


def _doubled_though_held(said: list[Said], accepted: list[Arrival]) -> list[str]:
    """A tenant that wants ambiguous deliveries held never gets a second copy, whatever was lost."""
    held = {s.id for s in said if s.tenant.on_ambiguous == "hold"}
    counts = Counter((a.delivery, a.part) for a in accepted if a.delivery in held)
    return [f"sent {n} times, though its tenant holds: {p}" for p, n in counts.items() if n > 1]


def _resent_though_confirmed(accepted: list[Arrival], trail: Trail) -> list[str]:
    """A call that arrives after the log showed the part as accepted, and is not one that was already under way then."""
    by_part: dict[Part, list[Arrival]] = defaultdict(list)
    for arrival in accepted:
        by_part[arrival.delivery, arrival.part].append(arrival)
    return [
        f"resent though confirmed: {part}"
        for part, arrivals in by_part.items()
        if len(arrivals) > 1
        and part in trail.confirmed
        and arrivals[-1].log_end > trail.confirmed[part] + 1
        and part not in trail.ambiguous
    ]
