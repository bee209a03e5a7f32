"""Conversations as Genesys's books have them: how many a customer has open at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from tests.history.copies import GENESYS_MESSAGES
from tests.history.history import Finding, History, Line

#: Tenant and customer.
Party = tuple[str | None, str | None]
ABOUT_CUSTOMERS = (*GENESYS_MESSAGES, "receipt", "event")


def split_conversations(history: History) -> list[Finding]:
    """Conversations that relaylog's messages opened while another one of the customer was open.

    That is what becomes of two first messages on their way at once (genesys.md section 11, item 22); a tenant has one
    integration here. Not counted: copies of one message, judged elsewhere, and a conversation that an agent opened,
    which may happen while the customer's first message is being processed and which no sender can prevent.
    """
    left: dict[Party, list[int]] = defaultdict(list)
    for call in history.calls:
        if call.platform == "genesys" and call.accepted and _disconnects(call.body):
            left[call.tenant, call.customer].append(call.at)
    return [finding for party, lines in _lines(history).items() for finding in _split(lines, left[party])]


def sent_too_early(history: History) -> list[Finding]:
    """Calls about a new customer that came before Genesys had taken in their first message: each risks a split."""
    first = {party: lines[0] for party, lines in _lines(history).items() if lines[0].ours is not None}
    begun: set[Party] = set()
    found = []
    for call in sorted(history.calls, key=lambda call: call.n):
        party = call.tenant, call.customer
        if call.platform != "genesys" or call.operation not in ABOUT_CUSTOMERS or party not in first:
            continue
        line = first[party]
        if call.id == line.ours and call.accepted:
            # A refusal opens nothing, and a message that was given up after it holds up nobody.
            begun.add(party)
        elif call.id != line.ours and party in begun and call.at < line.at:
            words = f"{call.operation} call {call.n} came before {line.ours}, the first message of {line.customer}"
            found.append(Finding(call.id or f"genesys call {call.n}", f"{words} of {line.tenant}, was taken in"))
    return found


def _lines(history: History) -> dict[Party, list[Line]]:
    found: dict[Party, list[Line]] = defaultdict(list)
    for line in history.lines:
        found[line.tenant, line.customer].append(line)
    return found


def _split(lines: list[Line], left: Iterable[int]) -> Iterator[Finding]:
    """``lines`` of one customer, and when somebody left a conversation with them."""
    opening: list[Line] = []
    newest: dict[str, Line] = {}
    for line in lines:
        if line.conversation_id not in newest:
            for former in opening:
                last = newest[former.conversation_id].at
                is_open = not any(last <= at <= line.at for at in left)
                if is_open and None not in (former.ours, line.ours) and former.ours != line.ours:
                    yield Finding(line.conversation_id, _words(line, former))
                    break
            opening.append(line)
        newest[line.conversation_id] = line


def _words(line: Line, former: Line) -> str:
    return (
        f"{line.ours} opened it for {line.customer} of {line.tenant}, "
        f"while {former.conversation_id} was open, which {former.ours} had opened"
    )


def _disconnects(body: object) -> bool:
    return isinstance(body, dict) and body.get("state") == "disconnected"
