"""What the query API shows, held against what both platforms know."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.history.copies import callback
from tests.history.facts import SHOWN, Facts
from tests.history.history import Booked, Finding, History, Row, Said

RANK = {"pending": 0, "failed": 1, "accepted": 2, "sent": 2, "delivered": 3, "read": 4, "played": 5}


def compare_rows(history: History, facts: Facts) -> list[Finding]:
    """Rows that are missing, doubled, of no fact, or differ from the platforms' books in a field."""
    found: list[Finding] = []
    shown = Counter((row.tenant, row.id) for row in history.rows)
    found += [Finding(id, f"shown {times} times to {tenant}") for (tenant, id), times in shown.items() if times > 1]
    rows = {row.id: row for row in history.rows}
    named = {fact.data.get("message") for fact in facts.by_id.values()}
    found += [
        Finding(id, "shown, but in the log there is no such message") for id in rows.keys() - facts.by_id.keys() - named
    ]
    booked = _booked_by_message(history, facts)
    for said in history.said:
        fact = facts.of(said)
        if not said.accepted or fact is None or fact.type not in SHOWN:
            continue
        row = rows.get(fact.id)
        if row is None:
            found.append(Finding(fact.id, f"{said.origin}'s message is not shown to {said.tenant}"))
        else:
            found += [Finding(fact.id, words) for words in _differences(said, row, booked.get(fact.id, []))]
    return found


def _booked_by_message(history: History, facts: Facts) -> dict[str, list[tuple[int, Booked]]]:
    """By event id: what the other platform booked of a message, each with its part."""
    found: dict[str, list[tuple[int, Booked]]] = defaultdict(list)
    for booked in history.booked:
        carried = callback(booked.ours) if booked.platform == "whatsapp" else None
        if booked.platform == "genesys":
            fact = facts.by_whatsapp_id.get(booked.ours) or facts.by_id.get(booked.ours)
            carried = (fact.id, 1) if fact else None
        if carried is not None:
            found[carried[0]].append((carried[1], booked))
    return found


def _differences(said: Said, row: Row, booked: list[tuple[int, Booked]]) -> Iterator[str]:
    if row.tenant != said.tenant:
        yield f"said at {said.tenant}, shown to {row.tenant}"
    if row.direction != said.direction:
        yield f"direction is {row.direction}, expected {said.direction}"
    if said.text is not None and row.text != said.text:
        yield f"text is {row.text!r}, said was {said.text!r}"
    if said.kind is not None and row.kind != said.kind:
        yield f"kind is {row.kind}, expected {said.kind}"
    own = row.whatsapp_id if said.origin == "customer" else row.genesys_id
    if said.origin != "intake" and own != said.id:
        yield f"the id of the platform that it came from is {own}, expected {said.id}"
    yield from _other_side(said, row, booked)


def _other_side(said: Said, row: Row, booked: list[tuple[int, Booked]]) -> Iterator[str]:
    if not booked:
        return
    first = {b.id for part, b in booked if part == 1}
    other = row.genesys_id if said.direction == "inbound" else row.whatsapp_id
    if first and other not in first:
        yield f"the id of the platform that got it is {other}, booked there is {' or '.join(sorted(first))}"
    last = max(part for part, _ in booked)
    known = [b.status or "accepted" for part, b in booked if part == last]
    least = min(known, key=lambda status: RANK[status])
    if RANK.get(row.status, -1) < RANK[least] or (least == "failed" and set(known) == {"failed"} != {row.status}):
        yield f"status is {row.status}, the platform's books say {', '.join(known)}"
