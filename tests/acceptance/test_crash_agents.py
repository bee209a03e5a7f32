"""The sender is killed at each of its named points while people talk: nothing is lost, only what is listed doubles."""

from __future__ import annotations

import pytest

from tests.acceptance.stage import Stage
from tests.acceptance.talk import Talk
from tests.history.history import Finding, Report

pytest_plugins = ["tests.acceptance.stages"]

#: At these the attempt is in the log and its answer is not.
UNANSWERED = ("sender_after_attempted", "sender_after_readback", "sender_after_answer")


def kill_at(stage: Stage, talk: Talk, point: str) -> None:
    former = stage.pid("agents")
    talk.say(20)
    stage.arm(point)
    if point == "sender_sweeping":
        # Only a takeover with something unfinished below it sweeps.
        talk.say(20)
        stage.kill("agents")
    talk.say_until(f"the crash at {point}", stage.fired)
    talk.say(10)
    stage.wait_restarted("agents", former)
    talk.say(10)


def new(before: list[Finding], after: list[Finding]) -> set[str]:
    return {finding.id for finding in after} - {finding.id for finding in before}


@pytest.mark.parametrize("point", [*UNANSWERED, "sender_sweeping", "sender_checkpoint"])
def test_a_sender_killed_at(point: str, stage: Stage, talk: Talk) -> None:
    _, before = stage.settled()
    kill_at(stage, talk, point)
    history, report = stage.settled(patience=90)
    assert report.clean, str(report)
    assert_as_listed(report)
    if point in UNANSWERED:
        assert new(before.ambiguous, report.ambiguous)
    if point == "sender_after_answer":
        assert new(before.repeated, report.repeated), "the answer was lost, so the resend must have doubled it"
    assert len(history.said) >= talk.said


def assert_as_listed(report: Report) -> None:
    """Every double is on the log's own list, and whatever else is on it arrived exactly once."""
    listed = {finding.id: finding.words for finding in report.ambiguous}
    doubled = {finding.id for finding in report.repeated}
    assert doubled <= listed.keys()
    for id in listed.keys() - doubled:
        assert listed[id].endswith("took effect 1 times"), f"{id}: {listed[id]}"


def test_a_sender_that_is_asked_to_stop_leaves_nothing_ambiguous(stage: Stage, talk: Talk) -> None:
    _, before = stage.settled()
    talk.say(30)
    stage.wait_restarted("agents", stage.terminate("agents"))
    talk.say(10)
    _, report = stage.settled(look_across=True)
    assert report.clean, str(report)
    assert not new(before.ambiguous, report.ambiguous)
