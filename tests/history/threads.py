"""Conversations as the query API shows them, held against a recount of the log and against Genesys's books."""

from __future__ import annotations

from collections import Counter, defaultdict

from tests.history.facts import Facts
from tests.history.history import Finding, History


def compare_threads(history: History, facts: Facts) -> list[Finding]:
    """Conversations whose counts or Genesys conversations are not those of their messages."""
    thread_of = {row.id: row.conversation_id for row in history.rows}
    counted: Counter[tuple[str | None, str]] = Counter()
    told: dict[str | None, set[str]] = defaultdict(set)
    for fact in facts.by_id.values():
        if fact.type.startswith("message."):
            counted[thread_of.get(fact.id), fact.data["direction"]] += 1
            if genesys := fact.data.get("genesys_conversation_id"):
                told[thread_of.get(fact.id)].add(genesys)
    booked: dict[str | None, set[str]] = defaultdict(set)
    for line in history.booked:
        named = facts.by_whatsapp_id.get(line.ours) or facts.by_id.get(line.ours)
        if named and line.platform == "genesys" and line.genesys_conversation_id:
            booked[thread_of.get(named.id)].add(line.genesys_conversation_id)
    found = []
    for thread in history.threads:
        shown, expected = (
            (thread.messages_in, thread.messages_out),
            tuple(counted[thread.id, d] for d in ("inbound", "outbound")),
        )
        if shown != expected:
            found.append(Finding(thread.id, f"counts {shown} messages in and out, the log has {expected}"))
        known = set(thread.genesys_conversation_ids)
        # An acceptance whose answer was lost is in the books, and may be nowhere in the log.
        if strange := known - booked[thread.id] - told[thread.id]:
            found.append(Finding(thread.id, f"Genesys knows nothing of its conversations {sorted(strange)}"))
        if missing := told[thread.id] - known:
            found.append(Finding(thread.id, f"the Genesys conversations {sorted(missing)} are missing"))
    return found
