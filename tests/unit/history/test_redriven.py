"""What was given up and is redriven must arrive once, in the order in which it stands in the log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tests.history.checker import check
from tests.history.history import Finding, Report
from tests.unit.history.runs import CUSTOMERS, Run, callback_data

CUSTOMER = CUSTOMERS[0]


def ids(findings: Iterable[Finding]) -> set[str]:
    return {finding.id for finding in findings}


def violated(report: Report) -> set[str]:
    return {name for name, _ in report.violations()}


class Redriven(Run):
    """Three messages of one thread are refused, a fourth gets through, then one command redrives the three."""

    def __init__(self, appended: Iterable[int] = (0, 1, 2)) -> None:
        super().__init__(1)
        self.refusals = [self.refused(0, CUSTOMER, f"refused {n}") for n in range(3)]
        self.facts = [fact for fact, _ in self.refusals]
        self.customer_says(0, CUSTOMER, "taken")
        self.redrives = {n: self.redriven(0, self.facts[n]) for n in appended}

    def send(self, *numbers: int) -> None:
        """Send these redrives, and all of them arrive."""
        for n in numbers:
            self.attempted(0, self.redrives[n])
            self.call(0, "genesys", "message", CUSTOMER, self.refusals[n][1])
            self.result(0, self.redrives[n])


def test_what_is_redriven_arrives_behind_what_was_said_since() -> None:
    run = Redriven()
    run.send(0, 1, 2)
    run.customer_says(0, CUSTOMER, "the last")
    report = check(run.history())
    assert report.clean, str(report)
    assert not report.ambiguous and not report.repeated


def test_a_redrive_that_never_arrives_is_lost() -> None:
    run = Redriven()
    run.send(0, 2)
    report = check(run.history())
    assert violated(report) == {"lost"} and ids(report.lost) == {run.facts[1]}
    assert "redrive 1" in report.lost[0].words


def test_a_redrive_that_is_given_up_again_is_not_lost_and_its_own_redrive_is() -> None:
    run = Redriven()
    run.send(0, 1)
    run.attempted(0, run.redrives[2])
    run.result(0, run.redrives[2], "dead_lettered", failure={"code": "400", "reason": "bad.request"})
    assert check(run.history()).clean
    run.redriven(0, run.facts[2], number=2)
    [finding] = check(run.history()).lost
    assert finding.id == run.facts[2] and "redrive 2" in finding.words


def test_a_redrive_sent_behind_a_later_one_is_reordered() -> None:
    run = Redriven()
    run.send(0, 2, 1)
    report = check(run.history())
    assert violated(report) == {"reordered"} and ids(report.reordered) == {run.facts[1]}


def test_a_message_that_overtakes_the_redrives_before_it_reorders_them() -> None:
    run = Redriven()
    run.customer_says(0, CUSTOMER, "said after the redrive")
    run.send(0, 1, 2)
    assert ids(check(run.history()).reordered) == set(run.facts)


def test_redrives_that_a_command_appends_in_another_order_are_reordered() -> None:
    run = Redriven(appended=(0, 2, 1))
    run.send(0, 2, 1)
    report = check(run.history())
    assert violated(report) == {"reordered"} and ids(report.reordered) == {run.facts[1]}


def test_commands_one_after_the_other_have_the_order_of_the_operator() -> None:
    run = Redriven(appended=(2,))
    run.redrives[0] = run.redriven(0, run.facts[0], time="2026-11-26T11:00:00Z")
    run.send(2, 0)
    assert check(run.history()).clean


def test_a_redrive_that_arrives_twice_is_a_duplicate() -> None:
    run = Redriven()
    run.send(0, 1, 1, 2)
    report = check(run.history())
    assert violated(report) == {"duplicated"} and ids(report.duplicated) == {run.facts[1]}


def test_a_redrive_may_arrive_twice_where_its_first_answer_is_unknown() -> None:
    run = Redriven()
    run.send(0, 1)
    run.outcomes.pop()
    run.terms[0] = run.takeover(0)
    run.send(1, 2)
    report = check(run.history())
    assert report.clean, str(report)
    assert ids(report.ambiguous) == ids(report.repeated) == {run.facts[1]}


def test_a_copy_of_a_redrive_demands_nothing_more() -> None:
    run = Redriven()
    [record] = [record for record in run.events if record.value["id"] == run.redrives[1]]
    copy = run.append(run.events, 0, "", {})
    run.events[-1] = replace(record, offset=copy)
    run.send(0, 1, 2)
    assert check(run.history()).clean
    run.demanded[run.redrives[1]] = run.facts[1], copy
    run.send(1)
    assert ids(check(run.history()).duplicated) == {run.facts[1]}


def test_a_redrive_must_not_leave_out_what_never_arrived() -> None:
    run = Redriven(appended=(0,))
    run.events[-1].value["data"]["taken"] = 1
    [finding] = check(run.history()).lost
    assert finding.id == run.facts[0] and "leaves out part 1" in finding.words


def test_a_call_for_a_redrive_needs_an_attempt_of_the_redrive() -> None:
    run = Redriven(appended=(0,))
    run.call(0, "genesys", "message", CUSTOMER, run.refusals[0][1])
    report = check(run.history())
    assert ids(report.uncovered) == ids(report.lost) == {run.facts[0]}


def test_a_redriven_receipt_and_a_redriven_answer_are_demands_like_any() -> None:
    run = Run(1)
    run.agent_says(0, CUSTOMER, "answer")
    message, receipt = run.events[0].value["id"], run.events[2].value["id"]
    genesys_id = run.said[0].id
    again, receipt_again = run.redriven(0, message), run.redriven(0, receipt)
    assert ids(check(run.history()).lost) == {message, f"receipt {genesys_id}"}
    run.attempted(0, again)
    run.call(0, "whatsapp", "message", CUSTOMER, callback_data(message))
    run.result(0, again)
    run.attempted(0, receipt_again)
    run.call(0, "genesys", "receipt", CUSTOMER, genesys_id)
    run.result(0, receipt_again)
    assert check(run.history()).clean
