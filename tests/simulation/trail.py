"""What `outcomes` says about deliveries, read independently of the sender's ledger."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from streams.log import Record
from tests.simulation.books import Stop
from tests.simulation.demands import Event, FactId, decode_event


@dataclass(frozen=True, slots=True)
class Attempt:
    """A ``delivery.attempted`` of the owner in force."""

    offset: int
    process: str
    part: int


@dataclass(frozen=True, slots=True)
class Ending:
    """``delivery.expired`` or ``delivery.dead_lettered``."""

    type: str
    code: str
    reason: str
    timestamp: int


@dataclass
class Story:
    """One delivery's."""

    attempts: list[Attempt] = field(default_factory=list)
    #: Attempts of each part that the log closed with an answer other than acceptance.
    failed: Counter[int] = field(default_factory=Counter)
    #: Offset of ``outcomes`` at which a part was confirmed.
    confirmed: dict[int, int] = field(default_factory=dict)
    #: Parts attempted again, or taken over, while it was not known what became of them.
    ambiguous: set[int] = field(default_factory=set)
    ending: Ending | None = None
    parts: int = 1
    _open: tuple[int, int, int] | None = None

    def attempted(self, attempt: Attempt, term: int, number: int) -> None:
        if self._open is not None:
            self.ambiguous.add(self._open[2])
        self._open = (term, number, attempt.part)
        self.attempts.append(attempt)

    def taken_over(self) -> None:
        if self._open is not None:
            self.ambiguous.add(self._open[2])

    def answered(self, term: int, number: int) -> None:
        if self._open is not None and self._open[:2] == (term, number):
            self.failed[self._open[2]] += 1
            self._open = None

    def accepted(self, part: int, offset: int) -> None:
        self.confirmed.setdefault(part, offset)
        if self._open is not None and self._open[2] <= part:
            self._open = None


@dataclass
class Trail:
    """Of all partitions."""

    stories: dict[FactId, Story] = field(default_factory=lambda: defaultdict(Story))
    #: (partition, tenant, platform, cursor, offset in ``outcomes``)
    gaps: list[tuple[int, str, str, int, int]] = field(default_factory=list)
    #: Offsets of ``sender.took_over`` by partition.
    claims: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    reached: Counter[str] = field(default_factory=Counter)


def read_trail(outcomes: dict[int, list[Record]], stops: Iterable[Stop] = ()) -> Trail:
    """Fold the partitions of ``outcomes``; ``stops`` tell which records come from a process that had been stopped."""
    trail, stopped = Trail(), list(stops)
    for partition, records in outcomes.items():
        _Reading(trail, partition, stopped).read(records)
    return trail


class _Reading:
    """Of one partition."""

    def __init__(self, trail: Trail, partition: int, stops: list[Stop]) -> None:
        self._trail = trail
        self._partition = partition
        self._stops = stops
        self._owner = -1
        #: Every claim of a process: its offset, its author and when it was appended.
        self._claims: list[tuple[int, str, int]] = []

    def read(self, records: list[Record]) -> None:
        for record in records:
            event = decode_event(record.value or b"")
            kind, _, what = event.type.partition(".")
            if kind == "delivery":
                self._delivery(record, event, what)
            elif event.type == "sender.took_over":
                self._owner = record.offset
                if event.data["sender"] != "ghost":
                    self._claims.append((record.offset, event.data["sender"], record.timestamp))
                self._trail.claims[self._partition].append(record.offset)
                for story in self._stories():
                    story.taken_over()
            elif event.type == "sender.checkpoint":
                self._trail.reached["checkpoint of a zombie"] += self._is_of_zombie(record, event, event.data["owner"])
            elif event.type == "destination.gap":
                gap = (self._partition, event.tenantid, event.data["platform"], event.data["cursor"], record.offset)
                self._trail.gaps.append(gap)
                self._trail.reached["gap"] += 1

    def _is_of_zombie(self, record: Record, event: Event, term: int) -> bool:
        """True when its author was stopped while another process took over, and appended it after it had woken."""
        author = _author(event)
        taken_over = [at for offset, sender, at in self._claims if offset > term and sender != author]
        return any(
            stop.process == author and stop.began <= at <= stop.ended <= record.timestamp
            for stop in self._stops
            for at in taken_over
        )

    def _stories(self) -> Iterator[Story]:
        return (story for (partition, _), story in self._trail.stories.items() if partition == self._partition)

    def _delivery(self, record: Record, event: Event, what: str) -> None:
        data: dict[str, Any] = event.data
        story = self._trail.stories[self._partition, data["offset"]]
        part, term, number = data.get("part", 1), data["term"], data.get("attempt", 1)
        story.parts = data.get("parts", 1)
        if what == "attempted":
            if term == self._owner:
                story.attempted(Attempt(record.offset, _author(event), part), term, number)
        elif what == "failed":
            story.answered(term, number)
        elif what == "accepted":
            self._trail.reached["result of a zombie"] += self._is_of_zombie(record, event, term)
            story.accepted(part, record.offset)
        elif story.ending is None:
            failure = data["failure"]
            story.ending = Ending(what, failure["code"], failure["reason"], record.timestamp)


def _author(event: Event) -> str:
    return event.source.rpartition("/")[2]
