"""The sender is killed at each of its named points while people talk: nothing is lost, only what is listed doubles."""

from __future__ import annotations

import pytest

from tests.acceptance.stage import Stage
from tests.acceptance.talk import Talk
from tests.history.history import Finding, Report

pytest_plugins = ["tests.acceptance.stages"]

#: At these the attempt is in the log and its answer is not.
UNANSWERED = ("sender_after_attempted", "sender_after_readback", "sender_after_answer")


def killed_at(stage: Stage, talk: Talk, *points: str) -> None:
    """Talk while the sender dies at one point after the other, each successor before it is well."""
    former = stage.pid("agents")
    talk.say(20)
    for point in points:
        stage.arm(point)
        talk.say_until(f"the crash at {point}", stage.fired)
    stage.wait_restarted("agents", former)
    talk.say(10)


def new(before: list[Finding], after: list[Finding]) -> set[str]:
    return {finding.id for finding in after} - {finding.id for finding in before}


def found_out(stage: Stage) -> float:
    """Calls without an answer of which the present sender has found out that they took effect."""
    lines = stage.http.get(stage.running["metrics"]["agents"]).text.splitlines()
    ambiguous = [line for line in lines if line.startswith("relaylog_sender_ambiguous_total{") and '"found"' in line]
    return sum(float(line.rpartition(" ")[2]) for line in ambiguous)


# A successor has something to sweep when its predecessor left it unanswered.
CRASHES = (
    ("sender_after_attempted", "sender_sweeping"),
    ("sender_after_readback",),
    ("sender_after_answer",),
    ("sender_checkpoint",),
)


@pytest.mark.parametrize("points", CRASHES, ids=" then ".join)
def test_a_sender_killed_at(points: tuple[str, ...], stage: Stage, talk: Talk) -> None:
    _, before = stage.judged()
    killed_at(stage, talk, *points)
    _, report = stage.judged(patience=90)
    assert_as_listed(report)
    if points[0] in UNANSWERED:
        assert new(before.ambiguous, report.ambiguous)
    if points[0] == "sender_after_answer":
        doubled = new(before.repeated, report.repeated)
        assert doubled or found_out(stage), "the answer was lost: the successor finds out, or sends again"


def assert_as_listed(report: Report) -> None:
    """Every double is on the log's own list, and whatever else is on it arrived exactly once."""
    listed = {finding.id: finding.words for finding in report.ambiguous}
    doubled = {finding.id for finding in report.repeated}
    assert doubled <= listed.keys()
    for id in listed.keys() - doubled:
        assert listed[id].endswith("took effect 1 times"), f"{id}: {listed[id]}"


def test_nothing_of_one_tenant_was_shown_to_the_other(stage: Stage) -> None:
    history, _ = stage.judged(look_across=True)
    assert {row.tenant for row in history.rows} == {"acme", "globex"}
