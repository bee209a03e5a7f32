"""The sender is killed at each of its named points while people talk: nothing is lost, only what is listed doubles."""

from __future__ import annotations

import pytest

from tests.acceptance.stage import Stage
from tests.acceptance.talk import Talk
from tests.history.attempts import fold_attempts
from tests.history.history import Finding, Report

pytest_plugins = ["tests.acceptance.stages"]

#: At these the attempt is in the log and its answer is not.
UNANSWERED = ("sender_after_attempted", "sender_before_call", "sender_after_answer")


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


# A successor has something to sweep when its predecessor left it unanswered.
CRASHES = (
    ("sender_after_attempted", "sender_sweeping"),
    ("sender_before_call",),
    ("sender_after_answer",),
    ("sender_checkpoint",),
)


@pytest.mark.parametrize("points", CRASHES, ids=" then ".join)
def test_a_sender_killed_at(points: tuple[str, ...], stage: Stage, talk: Talk) -> None:
    earlier, before = stage.judged()
    killed_at(stage, talk, *points)
    later, after = stage.judged(patience=90)
    assert_as_listed(after)
    if points[0] in UNANSWERED:
        # Its calls under way may have got through before the crash: then they can be found out.
        resent = new(before.ambiguous, after.ambiguous)
        found_out = fold_attempts(later.outcomes).found_out - fold_attempts(earlier.outcomes).found_out
        assert resent or found_out, "the answer was lost: the successor finds out, or sends again"


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
