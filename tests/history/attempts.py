"""The sender's own account of its attempts, folded from `outcomes` by the rules of its fence."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from tests.history.history import LogRecord

#: Event id of the fact that demands the delivery (the original, or a redrive) and part.
Key = tuple[str, int]
#: The owner's term and its own number of the attempt.
Number = tuple[int, int]
ENDED = ("delivery.expired", "delivery.dead_lettered")


@dataclass(slots=True)
class Attempts:
    """What `outcomes` says about every delivery."""

    #: Append times of the valid `delivery.attempted`, in log order.
    valid: dict[Key, list[int]] = field(default_factory=lambda: defaultdict(list))
    #: How often a part was attempted again while an earlier attempt had neither been accepted nor answered otherwise.
    resent: Counter[Key] = field(default_factory=Counter)
    accepted: set[Key] = field(default_factory=set)
    #: Parts whose acceptance was recorded by an owner that had not made the call: it found out what became of it.
    found_out: set[Key] = field(default_factory=set)
    #: Reason by delivery that was given up.
    ended: dict[str, str] = field(default_factory=dict)
    parts: dict[str, int] = field(default_factory=dict)
    #: Attempts without an answer, as they stand at the end.
    open: dict[Key, set[Number]] = field(default_factory=lambda: defaultdict(set))

    def unanswered(self) -> list[Key]:
        """Parts whose last attempt has no answer yet and which were not given up: the run is not over."""
        return [
            key
            for key, numbers in self.open.items()
            if numbers and key not in self.accepted and key[0] not in self.ended
        ]


def fold_attempts(
    records: Iterable[LogRecord], redrive_at: Mapping[tuple[int, int], str] = MappingProxyType({})
) -> Attempts:
    """Fold ``records``. An attempt of a former owner is void; a result is true whoever wrote it.

    ``redrive_at``: ids of the redrives by their place in `events`; the deliveries that they demand are told apart.
    """
    attempts = Attempts()
    owner: dict[int, int] = {}
    for record in sorted(records, key=lambda r: (r.partition, r.offset)):
        kind, data = record.value.get("type", ""), record.value.get("data") or {}
        if kind == "sender.took_over":
            owner[record.partition] = record.offset
        elif kind.startswith("delivery."):
            place = (record.partition, data.get("offset", -1))
            key = redrive_at.get(place) or data.get("delivery", ""), data.get("part", 1)
            if kind != "delivery.attempted":
                _ended(attempts, kind, key, data)
            elif data.get("term") == owner.get(record.partition):
                _attempted(attempts, key, data, record.timestamp)
    return attempts


def _attempted(attempts: Attempts, key: Key, data: dict[str, Any], at: int) -> None:
    if attempts.open[key] and key not in attempts.accepted:
        attempts.resent[key] += 1
    attempts.open[key].add(_number(data))
    attempts.valid[key].append(at)
    attempts.parts[key[0]] = max(attempts.parts.get(key[0], 1), data.get("parts", 1))


def _ended(attempts: Attempts, kind: str, key: Key, data: dict[str, Any]) -> None:
    if kind == "delivery.accepted":
        if key not in attempts.accepted and data.get("term", -1) not in {term for term, _ in attempts.open[key]}:
            attempts.found_out.add(key)
        attempts.accepted.add(key)
        attempts.open[key].clear()
    elif kind == "delivery.failed":
        attempts.open[key].discard(_number(data))
    elif kind in ENDED:
        failure = data.get("failure") or {}
        reason = f"{failure.get('code', '')} {failure.get('reason', '')}".strip()
        if reason:
            attempts.ended[key[0]] = f"{kind.removeprefix('delivery.')}: {reason}"


def _number(data: dict[str, Any]) -> Number:
    return data.get("term", -1), data.get("attempt", 1)
