"""What the tables must say, worked out by hand: no fold, no lattice, one fact after the other in the order of time.

Written as somebody would who had the whole log before them; it shares no code with what it judges.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

_RANKS = ("pending", "sent", "delivered", "read", "played")


@dataclass
class Line:
    """A message as it stands in the end."""

    direction: str
    text: str
    subject: str
    status: str = "pending"


@dataclass
class Account:
    """A thread as it stands in the end."""

    messages_in: int = 0
    messages_out: int = 0
    state: str = "waiting"
    #: Of the last time that it was closed.
    reason: str | None = None
    #: Whether the last message said could not be delivered.
    undelivered: bool = False
    labels: set[str] = field(default_factory=set)
    attributes: dict[str, str] = field(default_factory=dict)
    present: set[str] = field(default_factory=set)


def judge(events: list[bytes], outcomes: list[bytes]) -> tuple[dict[str, Line], dict[str, Account]]:
    """Messages by id and threads by subject, from records in any order and any number of copies."""
    facts = {(fact["id"], fact["type"]): fact for fact in map(json.loads, [*outcomes, *events])}
    ordered = sorted(facts.values(), key=lambda fact: (min(fact["time"], fact["recordedtime"]), fact["id"]))
    lines: dict[str, Line] = {}
    accounts: dict[str, Account] = {}
    for fact in ordered:
        if fact["type"] in ("message.received", "message.composed", "message.echoed"):
            _said(fact, lines, accounts)
    for fact in ordered:
        verb = fact["type"].partition(".")[2]
        if fact["type"].startswith("status."):
            _step(lines, fact["data"]["message"], verb)
        elif fact["type"] == "delivery.accepted":
            _step(lines, fact["data"]["delivery"], "sent")
        elif fact["type"] == "delivery.dead_lettered":
            _step(lines, fact["data"]["delivery"], "failed")
    for fact in ordered:
        if fact.get("subject"):
            _happened(fact, accounts.setdefault(fact["subject"], Account()))
        elif fact["type"] in ("status.failed", "delivery.dead_lettered"):
            line = lines.get(fact["data"].get("message") or fact["data"].get("delivery"))
            if line and line.status == "failed" and accounts[line.subject].state != "closed":
                accounts[line.subject].state, accounts[line.subject].undelivered = "error", True
    return lines, accounts


def _said(fact: dict[str, Any], lines: dict[str, Line], accounts: dict[str, Account]) -> None:
    data, subject = fact["data"], fact["subject"]
    lines[fact["id"]] = Line(data["direction"], data["personal"]["content"].get("text", ""), subject)
    account = accounts.setdefault(subject, Account())
    if data["direction"] == "inbound":
        account.messages_in += 1
    else:
        account.messages_out += 1


def _step(lines: dict[str, Line], message: str, verb: str) -> None:
    """whatsapp.md section 3: accept only a higher rank; failed only from pending and sent; arrival overrides it."""
    line = lines.get(message)
    if line is None:
        return
    if verb == "failed":
        if line.status in ("pending", "sent"):
            line.status = "failed"
    elif line.status == "failed":
        line.status = verb if verb != "sent" else "failed"
    elif _RANKS.index(verb) > _RANKS.index(line.status):
        line.status = verb


def _happened(fact: dict[str, Any], account: Account) -> None:
    type, data = fact["type"], fact["data"]
    if type.startswith("message."):
        account.state = "waiting" if data["direction"] == "inbound" else "active"
        account.undelivered = False
    elif type == "conversation.queued":
        account.state = "error" if account.undelivered else "waiting"
    elif type == "conversation.participant_joined":
        account.present.add(data["participant"])
        account.state = "error" if account.undelivered else "active"
    elif type == "conversation.participant_left":
        account.present.discard(data["participant"])
    elif type == "conversation.closed":
        account.state, account.reason = "closed", data.get("reason")
        account.present.clear()
    elif type == "conversation.attributes_changed":
        account.labels |= set(data.get("labels_added", ()))
        account.labels -= set(data.get("labels_removed", ()))
        account.attributes.update(data["personal"].get("attributes", {}))
