"""The judge: which messages were lost, doubled, out of order, seen by the wrong one, or are shown wrongly."""

from __future__ import annotations

from collections import defaultdict

from tests.history.attempts import Attempts, fold_attempts
from tests.history.conversations import sent_too_early, split_conversations
from tests.history.copies import CLOCK_SLACK_MS, Demand, Matched, match
from tests.history.facts import Fact, Facts, Redrive
from tests.history.history import Call, Finding, History, Report, Said
from tests.history.tables import compare_rows
from tests.history.threads import compare_threads


def check(history: History) -> Report:
    """Judge a run that has come to rest. Pure; every finding names the id it is about."""
    facts = Facts(history.events)
    attempts = fold_attempts(history.outcomes, facts.redrive_at)
    matched = match(facts, attempts, history.calls)
    report = Report()
    report.lost = _never_facts(history, facts) + _never_delivered(matched, attempts) + _skipped(facts, matched)
    _sort_copies(report, matched, attempts)
    report.reordered = _reordered(matched) + _redriven_out_of_order(facts)
    report.leaked = _leaked(history, facts, matched)
    report.split = split_conversations(history) + sent_too_early(history)
    report.differing = compare_rows(history, facts) + compare_threads(history, facts)
    report.uncovered = _uncovered(matched, attempts)
    report.given_up = _given_up(history, facts)
    return report


def _never_facts(history: History, facts: Facts) -> list[Finding]:
    return [
        Finding(said.id, f"said by {said.origin} of {said.tenant}, taken over, and not in the log")
        for said in history.said
        if said.accepted and facts.of(said) is None and not _dead(said, history)
    ]


def _given_up(history: History, facts: Facts) -> list[Finding]:
    """What came into the log although its webhook was given up is judged like everything there."""
    return [
        Finding(said.id, f"said by {said.origin} of {said.tenant}; its webhook was given up unanswered")
        for said in history.said
        if said.given_up and facts.of(said) is None
    ]


def _dead(said: Said, history: History) -> bool:
    return any(said.id.encode() in value for value in history.dead_letters)


def _never_delivered(matched: Matched, attempts: Attempts) -> list[Finding]:
    return [
        Finding(demand.id, f"{demand} never took effect there")
        for demand in matched.demands
        if not demand.copies and not demand.given_up(attempts)
    ]


def _skipped(facts: Facts, matched: Matched) -> list[Finding]:
    """What a redrive leaves out as taken must have taken effect."""
    taken = {(demand.id, demand.part) for demand in matched.demands if demand.copies}
    return [
        Finding(redrive.original.id, f"redrive {redrive.number} leaves out part {part}, which never took effect")
        for redrive in facts.redrives.values()
        for part in range(1, redrive.taken + 1)
        if (redrive.original.id, part) not in taken
    ]


def _sort_copies(report: Report, matched: Matched, attempts: Attempts) -> None:
    """Each resend of an unanswered attempt explains one more copy, nothing else does."""
    for demand in matched.demands:
        resent, copies = demand.resent(attempts), len(demand.copies)
        if resent:
            report.ambiguous.append(
                Finding(demand.id, f"{demand}: sent again {resent} times, took effect {copies} times")
            )
        if copies > 1:
            arrivals = ", ".join(f"call {call.n}" for call in demand.copies)
            finding = Finding(demand.id, f"{demand} took effect {copies} times ({arrivals})")
            (report.repeated if copies <= 1 + resent else report.duplicated).append(finding)
    for call in matched.stray:
        if call.accepted:
            report.duplicated.append(Finding(_name(call), f"{_words(call)} took effect and no fact demands it"))


def _reordered(matched: Matched) -> list[Finding]:
    threads: dict[object, list[tuple[int, Demand]]] = defaultdict(list)
    for demand in matched.demands:
        if demand.copies:
            threads[demand.thread].append((demand.copies[0].n, demand))
    found = []
    for arrivals in threads.values():
        latest: Demand | None = None
        for n, demand in sorted(arrivals, key=lambda pair: pair[0]):
            if latest is not None and _order(demand) < _order(latest):
                found.append(Finding(demand.id, f"{demand} arrived as call {n}, after the later {latest.id}"))
            else:
                latest = demand
    return found


def _redriven_out_of_order(facts: Facts) -> list[Finding]:
    """What one command redrives of a thread must stand in the log in the order of the originals."""
    latest: dict[object, Redrive] = {}
    found = []
    for redrive in facts.redrives.values():
        thread = (redrive.command, redrive.fact.subject, redrive.fact.message_for or "genesys")
        former = latest.setdefault(thread, redrive)
        if redrive.original.position < former.original.position:
            words = f"redrive {redrive.number} was appended after that of the later {former.original.id}"
            found.append(Finding(redrive.original.id, words))
        else:
            latest[thread] = redrive
    return found


def _order(demand: Demand) -> tuple[tuple[int, int], int]:
    return demand.fact.position, demand.part


def _leaked(history: History, facts: Facts, matched: Matched) -> list[Finding]:
    found = [Finding(s.id, f"of {s.owner} was shown to {s.viewer}'s key") for s in history.sights]
    for said in history.said:
        fact = facts.of(said)
        if fact is None:
            continue
        if fact.tenant != said.tenant:
            found.append(Finding(fact.id, f"said at {said.tenant}, a fact of {fact.tenant}"))
        if fact.customer is not None and said.customers and fact.customer.lstrip("+") not in said.customers:
            found.append(Finding(fact.id, f"{fact.type} of one customer is a fact of another"))
    for demand in matched.demands:
        for call in demand.calls:
            if call.tenant != demand.fact.tenant:
                found.append(Finding(demand.id, f"{demand} went to the account of {call.tenant} ({_words(call)})"))
            elif _other_customer(call, demand.fact):
                found.append(Finding(demand.id, f"{demand} went to another customer ({_words(call)})"))
    return found


def _other_customer(call: Call, fact: Fact) -> bool:
    """Only messages: a receipt is about a message and names the party as it likes."""
    return bool(fact.message_for and fact.customer and call.customer) and (call.customer or "").lstrip("+") != (
        fact.customer or ""
    ).lstrip("+")


def _uncovered(matched: Matched, attempts: Attempts) -> list[Finding]:
    """Each call needs a valid attempt of its own that was in the log before it."""
    found = []
    for demand in matched.demands:
        attempted = demand.attempted_at(attempts)
        for number, call in enumerate(demand.calls, start=1):
            if sum(at <= call.at + CLOCK_SLACK_MS for at in attempted) < number:
                found.append(Finding(demand.id, f"{demand}: {_words(call)} has no valid attempt before it in the log"))
    found += [Finding(_name(call), f"{_words(call)} belongs to no fact of the log") for call in matched.stray]
    return found


def _name(call: Call) -> str:
    return call.id or f"{call.platform} call {call.n}"


def _words(call: Call) -> str:
    return f"{call.operation} call {call.n} at {call.platform}"
