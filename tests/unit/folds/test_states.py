"""States of a conversation over time, from small stories."""

from __future__ import annotations

import pytest

from schemas.folds.states import Change, Step, changes


def at(second: float) -> str:
    return f"2026-11-22T10:00:{second:06.3f}Z"


def said(second: float, direction: str, id: str = "m") -> Step:
    return Step(at(second), "message", id, direction, None, None)


def became(second: float, type: str, id: str = "m", reason: str = "") -> Step:
    code = "131047" if type == "failed" else None
    return Step(at(second), type, id, None, code, reason or None)


def happened(second: float, verb: str, role: str | None = None, reason: str | None = None) -> Step:
    code = "error.flow" if verb == "failed" else None
    return Step(at(second), f"conversation.{verb}", None, role, code, reason)


def states(*steps: Step) -> list[tuple[str, str]]:
    return [(change.at, change.state) for change in changes(steps)]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], []),
        ([said(1, "inbound")], ["waiting"]),
        ([said(1, "inbound"), said(2, "outbound"), said(3, "inbound")], ["waiting", "active", "waiting"]),
        ([said(1, "inbound"), said(2, "inbound")], ["waiting"]),
        (
            [said(1, "outbound"), happened(2, "queued"), happened(3, "participant_joined", "agent")],
            ["active", "waiting", "active"],
        ),
        ([said(1, "inbound"), happened(2, "participant_joined", "customer")], ["waiting"]),
        ([said(1, "outbound"), happened(2, "closed"), said(3, "inbound")], ["active", "closed", "waiting"]),
        ([said(1, "outbound"), happened(2, "closed"), became(3, "failed")], ["active", "closed"]),
        ([said(1, "outbound"), became(2, "failed"), became(3, "delivered")], ["active", "error", "active"]),
        ([said(1, "outbound"), became(2, "failed"), became(3, "redriven")], ["active", "error", "active"]),
        ([said(1, "outbound"), became(2, "delivered"), became(3, "failed")], ["active"]),
        ([said(1, "outbound", "a"), said(2, "outbound", "b"), became(3, "failed", "a")], ["active", "error"]),
        ([said(1, "outbound", "a"), became(2, "failed", "a"), said(3, "inbound", "b")], ["active", "error", "waiting"]),
        ([said(1, "inbound"), happened(2, "failed"), happened(3, "opened")], ["waiting", "error", "waiting"]),
    ],
)
def test_states_follow_each_other(steps: list[Step], expected: list[str]) -> None:
    assert [state for _, state in states(*steps)] == expected


def test_what_happened_at_one_instant_counts_together() -> None:
    assert states(said(1, "outbound"), happened(1, "closed"), said(2, "inbound")) == [
        (at(1), "closed"),
        (at(2), "waiting"),
    ]


def test_a_failure_told_in_whole_seconds_may_be_of_the_message_in_that_second() -> None:
    assert states(became(2, "failed"), said(2.4, "outbound"))[-1] == (at(2.4), "error")


def test_a_change_has_its_reason_and_another_reason_is_a_change() -> None:
    steps = [
        said(1, "outbound", "a"),
        became(2, "failed", "a", reason="no device"),
        became(3, "failed", "a", reason="window closed"),
        happened(4, "closed", reason="given up"),
    ]
    assert changes(steps) == [
        Change(at(1), "active", None, None),
        Change(at(2), "error", "131047", "no device"),
        Change(at(3), "error", "131047", "window closed"),
        Change(at(4), "closed", None, "given up"),
    ]
