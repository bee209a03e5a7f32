"""The checker reports nothing about a clean run and names every single fault that is put into one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from tests.history.attempts import fold_attempts
from tests.history.checker import check
from tests.history.copies import callback
from tests.history.history import Call, Finding, History, LogRecord, Platform, Sight
from tests.unit.history.runs import CUSTOMERS, Run, callback_data, clean_run

T = TypeVar("T")
seeds = st.integers(0, 2**32)
#: Picks an item of a list whose length the mutation knows.
picks = st.integers(0, 2**16)


def ids(findings: Iterable[Finding]) -> set[str]:
    return {finding.id for finding in findings}


def without(items: tuple[T, ...], item: T) -> tuple[T, ...]:
    return tuple(each for each in items if each is not item)


def changed(items: tuple[T, ...], item: T, new: T) -> tuple[T, ...]:
    return tuple(new if each is item else each for each in items)


def calls(history: History, wanted: Callable[[Call], bool] = lambda call: True) -> list[Call]:
    return [call for call in history.calls if wanted(call)]


def demand_of(history: History, call: Call) -> str:
    """The id under which a finding about ``call`` stands."""
    assert call.id is not None
    if call.operation == "receipt":
        return f"receipt {call.id}"
    if call.platform == "whatsapp":
        carried = callback(call.id)
        assert carried is not None
        return carried[0]
    fact = next(record for record in history.events if call.id in platform_ids(record))
    return str(fact.value["id"])


def platform_ids(record: LogRecord) -> tuple[str | None, str | None]:
    """The Genesys id and the wamid that a fact names."""
    data = record.value["data"]
    return data.get("genesys_id"), data.get("personal", {}).get("whatsapp_id")


@given(seeds)
def test_a_clean_run_has_no_findings(seed: int) -> None:
    report = check(clean_run(seed))
    assert report.clean, str(report)
    assert not report.ambiguous and not report.repeated


@given(seeds, picks)
def test_a_dropped_call_is_lost(seed: int, pick: int) -> None:
    history = clean_run(seed)
    call = calls(history)[pick % len(history.calls)]
    report = check(replace(history, calls=without(history.calls, call)))
    assert ids(report.lost) == {demand_of(history, call)}


@given(seeds, picks)
def test_a_call_that_took_no_effect_is_lost(seed: int, pick: int) -> None:
    history = clean_run(seed)
    call = calls(history)[pick % len(history.calls)]
    refused = replace(call, accepted=False, status=503)
    report = check(replace(history, calls=changed(history.calls, call, refused)))
    assert ids(report.lost) == {demand_of(history, call)}


@given(seeds, picks)
def test_a_message_that_never_became_a_fact_is_lost(seed: int, pick: int) -> None:
    history = clean_run(seed)
    said = history.said[pick % len(history.said)]
    events = tuple(record for record in history.events if said.id not in platform_ids(record))
    report = check(replace(history, events=events))
    assert said.id in ids(report.lost)


def test_what_was_given_up_with_a_reason_is_not_lost() -> None:
    history = clean_run(1)
    call = calls(history, lambda call: call.operation == "message")[0]
    fact = demand_of(history, call)
    dropped = replace(history, calls=without(history.calls, call))
    for failure, lost in (({"code": "expired", "reason": "older than a week"}, set()), ({}, {fact})):
        ended = LogRecord(0, 10_000, 0, {"type": "delivery.expired", "data": {"delivery": fact, "failure": failure}})
        assert ids(check(replace(dropped, outcomes=(*history.outcomes, ended))).lost) == lost


def test_a_dead_letter_is_not_lost_and_what_was_refused_never_counted() -> None:
    history = clean_run(1)
    said = replace(history.said[0], id="wamid.NEVER")
    assert ids(check(replace(history, said=(*history.said, said))).lost) == {"wamid.NEVER"}
    assert check(replace(history, said=(*history.said, replace(said, accepted=False)))).clean
    assert check(replace(history, said=(*history.said, said), dead_letters=(b'{"id":"wamid.NEVER"}',))).clean


def test_what_a_platform_gave_up_telling_is_listed_by_id_and_no_violation() -> None:
    history = clean_run(1)
    never = replace(history.said[0], id="never told", accepted=False, given_up=True)
    waiting = replace(never, id="is still told", given_up=False)
    known = replace(history.said[0], accepted=False, given_up=True)
    report = check(replace(history, said=(known, *history.said[1:], never, waiting)))
    assert ids(report.given_up) == {"never told"}
    assert report.clean and "never told" in str(report)


@given(seeds, picks)
def test_a_second_copy_is_a_duplicate_and_not_covered(seed: int, pick: int) -> None:
    history = clean_run(seed)
    call = calls(history)[pick % len(history.calls)]
    again = replace(call, n=len(history.calls) + 1)
    report = check(replace(history, calls=(*history.calls, again)))
    assert ids(report.duplicated) == {demand_of(history, call)} == ids(report.uncovered)
    assert not report.lost and not report.reordered


@given(seeds, st.booleans())
def test_two_copies_are_allowed_only_where_the_log_lists_the_resend(seed: int, answered: bool) -> None:
    run = Run(seed)
    run.customer_says(0, CUSTOMERS[0], "hello")
    fact, wamid = run.events[-1].value["id"], run.said[0].id
    run.outcomes.pop()
    if answered:
        run.result(0, fact, "failed")
    run.terms[0] = run.takeover(0)
    run.attempted(0, fact, attempt=2)
    run.call(0, "genesys", "message", CUSTOMERS[0], wamid)
    run.result(0, fact, attempt=2)
    report = check(run.history())
    assert ids(report.duplicated) == ({fact} if answered else set())
    assert ids(report.ambiguous) == ids(report.repeated) == (set() if answered else {fact})
    third = replace(run.calls[-1], n=3)
    assert ids(check(replace(run.history(), calls=(*run.calls, third))).duplicated) == {fact}


def test_a_late_answer_of_a_former_owner_closes_only_its_own_attempt() -> None:
    run = Run(1)
    run.customer_says(0, CUSTOMERS[0], "hello")
    fact, former = run.events[-1].value["id"], run.terms[0]
    run.outcomes.pop()
    run.terms[0] = run.takeover(0)
    run.attempted(0, fact)
    run.result(0, fact, "failed", term=former)
    run.attempted(0, fact, attempt=2)
    run.call(0, "genesys", "message", CUSTOMERS[0], run.said[0].id)
    run.result(0, fact, attempt=2)
    report = check(run.history())
    assert ids(report.ambiguous) == {fact} and not report.duplicated
    assert fold_attempts(run.outcomes).resent[fact, 1] == 2


def test_what_an_owner_accepts_without_a_call_of_its_own_was_found_out() -> None:
    run = Run(1)
    facts = [run.fact(0, "447700900001", "message.received", {}) for _ in range(3)]
    for fact in facts:
        run.attempted(0, fact)
    former, run.terms[0] = run.terms[0], run.takeover(0)
    run.result(0, facts[0], term=former)
    run.result(0, facts[1])
    run.attempted(0, facts[2])
    run.result(0, facts[2])
    run.result(0, facts[2], term=former)
    assert fold_attempts(run.history().outcomes).found_out == {(facts[1], 1)}


def test_an_attempt_of_a_former_owner_covers_no_call() -> None:
    run = Run(1)
    run.terms[0] = 999
    run.customer_says(0, CUSTOMERS[0], "hello")
    assert ids(check(run.history()).uncovered) == {run.events[0].value["id"]}


def test_a_call_before_its_attempt_is_not_covered() -> None:
    history = clean_run(3)
    call = history.calls[0]
    early = replace(call, at=call.at - 1000)
    assert ids(check(replace(history, calls=changed(history.calls, call, early))).uncovered) == {
        demand_of(history, call)
    }


@given(seeds)
def test_swapped_arrivals_of_one_thread_are_reordered(seed: int) -> None:
    run = Run(seed)
    for number in range(6):
        (run.customer_says if number % 2 else run.agent_says)(0, CUSTOMERS[0], f"message {number}")
    history = run.history()
    thread = calls(history, lambda call: call.platform == "genesys")
    first, second = (thread[i] for i in run.random.sample(range(len(thread)), 2))
    swapped = {id(first): replace(first, n=second.n), id(second): replace(second, n=first.n)}
    report = check(replace(history, calls=tuple(swapped.get(id(call), call) for call in history.calls)))
    earlier = min((first, second), key=lambda call: call.n)
    assert demand_of(history, earlier) in ids(report.reordered)


@given(seeds)
def test_other_threads_may_overtake(seed: int) -> None:
    run = Run(seed)
    for customer in CUSTOMERS:
        run.customer_says(0, customer, "hello")
    last = len(run.calls) + 1
    backwards = tuple(replace(call, n=last - call.n) for call in run.calls)
    assert check(replace(run.history(), calls=backwards)).clean


@given(seeds, picks)
def test_a_call_at_another_tenants_account_is_a_leak(seed: int, pick: int) -> None:
    history = clean_run(seed)
    call = calls(history)[pick % len(history.calls)]
    moved = replace(call, tenant="t1" if call.tenant == "t0" else "t0")
    report = check(replace(history, calls=changed(history.calls, call, moved)))
    assert ids(report.leaked) == {demand_of(history, call)}


@given(seeds, picks)
def test_a_fact_of_another_tenant_is_a_leak(seed: int, pick: int) -> None:
    history = clean_run(seed)
    messages = [record for record in history.events if record.value["type"].startswith("message.")]
    record = messages[pick % len(messages)]
    other = "t1" if record.value["tenantid"] == "t0" else "t0"
    moved = replace(record, value=record.value | {"tenantid": other})
    assert record.value["id"] in ids(check(replace(history, events=changed(history.events, record, moved))).leaked)


def test_a_message_of_another_customer_is_a_leak() -> None:
    run = Run(1)
    run.agent_says(0, CUSTOMERS[0], "for one only")
    wrong = replace(run.calls[0], customer=f"+{CUSTOMERS[1]}")
    report = check(replace(run.history(), calls=(wrong, *run.calls[1:])))
    assert ids(report.leaked) == {run.events[0].value["id"]}


@given(seeds, picks)
def test_a_row_that_moved_to_another_tenant_is_reported(seed: int, pick: int) -> None:
    history = clean_run(seed)
    row = history.rows[pick % len(history.rows)]
    other = "t1" if row.tenant == "t0" else "t0"
    moved = changed(history.rows, row, replace(row, tenant=other))
    sight = Sight(viewer=other, owner=row.tenant, id=row.id)
    report = check(replace(history, rows=moved, sights=(sight,)))
    assert ids(report.differing) == ids(report.leaked) == {row.id}


@given(seeds, picks, st.sampled_from(["text", "kind", "direction", "status", "whatsapp_id", "genesys_id"]))
def test_an_altered_row_differs(seed: int, pick: int, field: str) -> None:
    history = clean_run(seed)
    row = history.rows[pick % len(history.rows)]
    altered = replace(row, **{field: "pending" if field == "status" else "altered"})
    report = check(replace(history, rows=changed(history.rows, row, altered)))
    assert ids(report.differing) == {row.id}


@given(seeds, picks)
def test_missing_doubled_and_invented_rows_differ(seed: int, pick: int) -> None:
    history = clean_run(seed)
    row = history.rows[pick % len(history.rows)]
    invented = replace(row, id="invented")
    for rows, expected in (
        (without(history.rows, row), row.id),
        ((*history.rows, row), row.id),
        ((*history.rows, invented), "invented"),
    ):
        assert ids(check(replace(history, rows=rows)).differing) == {expected}


def test_a_call_for_no_fact_is_reported() -> None:
    history = clean_run(5)
    kinds: tuple[tuple[str, Platform], ...] = (("message", "genesys"), ("receipt", "genesys"), ("message", "whatsapp"))
    for operation, platform in kinds:
        stray = replace(history.calls[-1], n=900, id="elsewhere", operation=operation, platform=platform)
        report = check(replace(history, calls=(*history.calls, stray)))
        assert ids(report.uncovered) == ids(report.duplicated) == {"elsewhere"}


def test_only_the_first_record_with_an_id_counts() -> None:
    history = clean_run(2)
    first = history.events[0]
    copy = replace(first, offset=len(history.events) + 100)
    assert check(replace(history, events=(*history.events, copy))).clean


def test_calls_that_need_no_fact_are_ignored() -> None:
    history = clean_run(2)
    token = Call("genesys", 901, 0, "t0", "token", None, None, 200, True)
    typing = Call("genesys", 902, history.calls[-1].at, "t0", "event", CUSTOMERS[0], None, 200, True)
    media = Call("whatsapp", 903, 0, "t0", "media", None, "1234", 200, True)
    assert check(replace(history, calls=(*history.calls, token, typing, media))).clean


def test_the_report_prints_every_list_and_id() -> None:
    history = clean_run(4)
    text = str(check(replace(history, calls=history.calls[1:])))
    assert "lost  1" in text and demand_of(history, history.calls[0]) in text and "reordered  0" in text


def test_callback_data_of_others_is_nobodys() -> None:
    assert callback(callback_data("7f0c2f5e-9c1f-5d39-8a8f-0d3f6f6b1a11")) == (
        "7f0c2f5e-9c1f-5d39-8a8f-0d3f6f6b1a11",
        1,
    )
    assert callback("order 4711") is None
