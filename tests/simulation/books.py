"""What the platforms and the network saw; the judge believes only this and the log."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from schemas.outcomes import Platform


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message or receipt that reached a platform."""

    #: Virtual seconds.
    at: float
    process: str
    platform: Platform
    #: What the call itself names: a message by its fact, a receipt by the message and the time that it tells.
    name: str
    part: int
    accepted: bool
    #: End of ``outcomes`` of the tenant's partition when the call left its process, and when it arrived.
    log_end_sent: int
    log_end: int


@dataclass(slots=True)
class Call:
    """A message or receipt that left its process, whether or not it arrived."""

    process: str
    name: str
    part: int
    #: End of ``outcomes`` of the tenant's partition when it left.
    log_end_sent: int
    #: Virtual seconds, up to when its client got an answer or stopped waiting for one.
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Stop:
    """A process did nothing from ``began`` to ``ended`` (Unix milliseconds), and woke then."""

    process: str
    began: int
    ended: int


@dataclass
class Books:
    """Of both platforms."""

    arrivals: list[Arrival] = field(default_factory=list)
    #: Names of what a platform refused for good.
    refused: set[str] = field(default_factory=set)
    #: Calls over the budget, or within a pause, although the caller had been told.
    avoidable: list[str] = field(default_factory=list)
    #: How often something remarkable happened.
    reached: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    sent: list[Call] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
