"""Which fact each call at a platform carries, read from what the platform received."""

from __future__ import annotations

import base64
import re
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.history.attempts import Attempts
from tests.history.facts import Fact, Facts, Redrive
from tests.history.history import Call, Platform

#: The ledger's clock and the broker's are the machine's, cut to milliseconds.
CLOCK_SLACK_MS = 2
GENESYS_MESSAGES = ("message", "structured_response")
#: Version, delivery in base64url, subject, part and parts; what follows does not matter here.
_CALLBACK = re.compile(r"rl1\.([A-Za-z0-9_-]{22})\.[A-Za-z0-9_-]{22}\.(\d+)-\d+(?:\.|$)")


@dataclass(slots=True)
class Demand:
    """One remote effect that the log demands: a message part, or the one receipt about a message."""

    platform: Platform
    #: What the finding is about: event id of the message, or Genesys id of the message that a receipt is about.
    id: str
    part: int
    #: Facts that may have demanded it, in log order; for a message only one.
    facts: list[Fact]
    #: 0 but for a redrive, which demands the effect again.
    number: int = 0
    calls: list[Call] = field(default_factory=list)

    @property
    def fact(self) -> Fact:
        return self.facts[0]

    @property
    def copies(self) -> list[Call]:
        """Calls that took effect, in order of arrival."""
        return [call for call in self.calls if call.accepted]

    @property
    def thread(self) -> tuple[str, str | None, Platform]:
        return self.fact.tenant, self.fact.subject, self.platform

    def resent(self, attempts: Attempts) -> int:
        """How often the log lists it as ambiguous and resent."""
        return sum(attempts.resent[fact.id, self.part] for fact in self.facts)

    def attempted_at(self, attempts: Attempts) -> list[int]:
        """Append times of its valid attempts."""
        return sorted(at for fact in self.facts for at in attempts.valid.get((fact.id, self.part), ()))

    def given_up(self, attempts: Attempts) -> bool:
        """True when the log says, with a reason, that it was not delivered."""
        return any(fact.id in attempts.ended for fact in self.facts)

    def __str__(self) -> str:
        kind = "receipt" if self.fact.receipt_for else self.fact.type
        redrive = f"redrive {self.number} of " if self.number else ""
        return f"{redrive}{kind} part {self.part} of {self.fact.tenant} to {self.platform}"


@dataclass(slots=True)
class Matched:
    """Every demand of the log with its calls, and the calls that belong to none."""

    demands: list[Demand]
    stray: list[Call]


def match(facts: Facts, attempts: Attempts, calls: Iterable[Call]) -> Matched:
    """Join what the log demands with what the platforms received."""
    demands: dict[tuple[Platform, str, int], list[Demand]] = defaultdict(list)
    for demand in _demands(facts, attempts):
        demands[demand.platform, demand.id, demand.part].append(demand)
    stray = []
    for call in sorted(calls, key=lambda call: call.n):
        carried = _carried(call, facts)
        if carried is None:
            continue
        one = demands.get((call.platform, *carried))
        if one is None:
            stray.append(call)
        else:
            _attempted_last(one, call, attempts).calls.append(call)
    return Matched([demand for one in demands.values() for demand in one], stray)


def _attempted_last(demands: list[Demand], call: Call, attempts: Attempts) -> Demand:
    """Of an effect and its redrives, which all go out under one id: the last one of which an attempt lies behind."""

    def begun(demand: Demand) -> bool:
        return any(at <= call.at + CLOCK_SLACK_MS for at in demand.attempted_at(attempts))

    return next(filter(begun, reversed(demands)), demands[0])


def _demands(facts: Facts, attempts: Attempts) -> Iterable[Demand]:
    for fact in facts.by_id.values():
        if platform := fact.message_for:
            for part in range(1, attempts.parts.get(fact.id, 1) + 1):
                yield Demand(platform, fact.id, part, [fact])
    grouped: dict[str, list[Fact]] = defaultdict(list, facts.receipts)
    for genesys_id, statuses in grouped.items():
        yield Demand("genesys", f"receipt {genesys_id}", 1, statuses)
    for redrive in facts.redrives.values():
        yield from _demanded_again(redrive, attempts)


def _demanded_again(redrive: Redrive, attempts: Attempts) -> Iterable[Demand]:
    """The delivery from the first part on that had not been taken."""
    again, original = redrive.fact, redrive.original
    if platform := again.message_for:
        for part in range(redrive.taken + 1, max(attempts.parts.get(fact.id, 1) for fact in (original, again)) + 1):
            yield Demand(platform, original.id, part, [again], redrive.number)
    elif again.receipt_for:
        yield Demand("genesys", f"receipt {again.receipt_for}", 1, [again], redrive.number)


def _carried(call: Call, facts: Facts) -> tuple[str, int] | None:
    """Demand's id and part of a call, None for calls that the log need not name (tokens, media, typing)."""
    identity = call.id or f"call {call.n} without an id"
    if call.platform == "genesys":
        if call.operation in GENESYS_MESSAGES:
            fact = facts.by_whatsapp_id.get(identity) or facts.by_id.get(identity)
            return (fact.id if fact else identity), 1
        return (f"receipt {identity}", 1) if call.operation == "receipt" else None
    if call.operation != "message":
        return None
    return callback(identity) or (identity, 1)


def callback(text: str) -> tuple[str, int] | None:
    """Delivery and part of WhatsApp callback data; None when it is not relaylog's."""
    found = _CALLBACK.match(text)
    if found is None:
        return None
    raw = base64.urlsafe_b64decode(found[1] + "==")
    return str(uuid.UUID(bytes=raw)), int(found[2])
