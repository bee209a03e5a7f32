"""Analytics recounted from the log's records by walking through them, without any fold or SQL."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

_GAP = timedelta(hours=24)
_ARRIVED = ("sent", "delivered", "read", "played")


def instant(text: str) -> datetime:
    """Of a canonical time, or of one that the API tells."""
    return datetime.fromisoformat(text).astimezone(UTC)


def hour_of(moment: datetime) -> datetime:
    """The beginning of its hour."""
    return moment.replace(minute=0, second=0, microsecond=0)


@dataclass
class Session:
    """What was said in one."""

    started: datetime
    last: datetime
    closed: datetime | None = None
    asked: datetime | None = None
    answered: datetime | None = None
    open_since: datetime | None = None
    messages: int = 0
    waits: list[float] = field(default_factory=list)


def facts(records: Iterable[bytes]) -> list[dict[str, Any]]:
    """Every fact once, in order of its time."""
    known = {fact["id"]: fact for fact in map(orjson.loads, records)}
    return sorted(known.values(), key=lambda f: (f["time"], f["type"] == "conversation.closed", f["id"]))


def sessions(records: Iterable[bytes]) -> list[Session]:
    """Those of all threads."""
    found: list[Session] = []
    current: dict[str, Session] = {}
    for fact in facts(records):
        at, thread = instant(fact["time"]), fact.get("subject", "")
        present = current.get(thread)
        if fact["type"] == "conversation.closed":
            if present is not None:
                present.closed = present.closed or at
        elif fact["type"] in ("message.received", "message.composed"):
            if present is None or present.closed is not None or at - present.last > _GAP:
                present = current[thread] = Session(at, at)
                found.append(present)
            _said(present, fact["type"] == "message.received", at)
    return found


def _said(session: Session, by_customer: bool, at: datetime) -> None:
    session.messages += 1
    session.last = at
    if by_customer:
        session.asked = session.asked or at
        session.open_since = session.open_since or at
        return
    if session.asked is not None:
        session.answered = session.answered or at
    if session.open_since is not None:
        session.waits.append((at - session.open_since).total_seconds())
        session.open_since = None


def session_figures(records: Iterable[bytes]) -> dict[datetime, dict[str, Any]]:
    """By the hour in which they began."""
    grouped: dict[datetime, list[Session]] = defaultdict(list)
    for session in sessions(records):
        grouped[hour_of(session.started)].append(session)
    return {hour: _figures(some) for hour, some in grouped.items()}


def _figures(some: list[Session]) -> dict[str, Any]:
    responses = [(s.answered - s.asked).total_seconds() for s in some if s.answered and s.asked]
    resolutions = [(s.closed - s.started).total_seconds() for s in some if s.closed]
    waits = [wait for session in some for wait in session.waits]
    return {
        "sessions": len(some),
        "messages": sum(s.messages for s in some),
        "closed": len(resolutions),
        "asked": sum(s.asked is not None for s in some),
        "answered": len(responses),
        "first_response_seconds": _mean(responses),
        "first_response_p50_seconds": _quantile(responses, 0.5),
        "first_response_p90_seconds": _quantile(responses, 0.9),
        "waits": len(waits),
        "waiting_seconds": _mean(waits),
        "resolution_seconds": _mean(resolutions),
        "resolution_p50_seconds": _quantile(resolutions, 0.5),
    }


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _quantile(values: list[float], share: float) -> float | None:
    return sorted(values)[math.ceil(share * len(values)) - 1] if values else None


def message_figures(records: Iterable[bytes]) -> dict[tuple[datetime, str], dict[str, Any]]:
    """By hour and direction."""
    found: dict[tuple[datetime, str], dict[str, Any]] = {}
    statuses: dict[str, set[str]] = defaultdict(set)
    told = facts(records)
    for fact in told:
        kind, _, step = fact["type"].partition(".")
        if kind == "status":
            statuses[fact["data"]["message"]].add(step)
    for fact in told:
        if not fact["type"].startswith("message."):
            continue
        steps = statuses[fact["id"]]
        row = found.setdefault(
            (hour_of(instant(fact["time"])), fact["data"]["direction"]),
            {"messages": 0, "sent": 0, "delivered": 0, "read": 0, "failed": 0},
        )
        # Whatever says that it arrived wins over a failure, which wins over having been sent.
        failed = "failed" in steps and not steps & {"delivered", "read", "played"}
        row["messages"] += 1
        row["failed"] += failed
        row["sent"] += bool(steps & set(_ARRIVED)) and not failed
        row["delivered"] += bool(steps & {"delivered", "read", "played"})
        row["read"] += bool(steps & {"read", "played"})
    return found


def handlings(records: Iterable[bytes]) -> dict[str, tuple[int, int, float]]:
    """By user: how often joined, how often still there, and the seconds of those that ended."""
    found: dict[str, tuple[int, int, float]] = {}
    told = facts(records)
    for number, fact in enumerate(told):
        if fact["type"] != "conversation.participant_joined":
            continue
        end = next((later for later in told[number + 1 :] if _ends(later, fact)), None)
        joined, present, seconds = found.get(fact["data"]["user_id"], (0, 0, 0.0))
        lasted = (instant(end["time"]) - instant(fact["time"])).total_seconds() if end else 0.0
        found[fact["data"]["user_id"]] = joined + 1, present + (end is None), seconds + lasted
    return found


def _ends(later: dict[str, Any], joined: dict[str, Any]) -> bool:
    if later.get("subject") != joined["subject"]:
        return False
    if later["type"] == "conversation.closed":
        return True
    return (
        later["type"] in ("conversation.participant_left", "conversation.participant_joined")
        and later["data"]["participant"] == joined["data"]["participant"]
    )


def queueings(records: Iterable[bytes]) -> tuple[int, int, int, float]:
    """Queued, answered, abandoned, and the seconds that the answered ones waited."""
    queued = answered = abandoned = 0
    waited = 0.0
    told = facts(records)
    for number, fact in enumerate(told):
        if fact["type"] != "conversation.queued":
            continue
        queued += 1
        ends = ("conversation.closed", "conversation.participant_joined")
        later = (f for f in told[number + 1 :] if f.get("subject") == fact["subject"] and f["type"] in ends)
        end = next(later, None)
        if end is None:
            continue
        if end["type"] == "conversation.closed":
            abandoned += 1
        else:
            answered += 1
            waited += (instant(end["time"]) - instant(fact["time"])).total_seconds()
    return queued, answered, abandoned, waited


def customers(records: Iterable[bytes]) -> dict[datetime, tuple[int, int]]:
    """By hour: how many wrote for the first time that anything is known of them, and how many had been known before."""
    first: dict[str, datetime] = {}
    wrote: dict[datetime, set[str]] = defaultdict(set)
    for fact in facts(records):
        at, customer = instant(fact["time"]), fact["data"].get("customer")
        if fact["type"].startswith("message."):
            first.setdefault(customer, at)
        if fact["type"] == "message.received":
            wrote[hour_of(at)].add(customer)
    new = {hour: sum(first[customer] >= hour for customer in some) for hour, some in wrote.items()}
    return {hour: (new[hour], len(some) - new[hour]) for hour, some in wrote.items()}
