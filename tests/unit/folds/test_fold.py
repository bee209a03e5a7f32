"""What single facts mean, and what is not a fact."""

from __future__ import annotations

import itertools

import pytest

from schemas.errors import UndecodableRecord, UnknownEventVersion
from schemas.events import Failure, StatusData, TypingData
from schemas.folds.fold import fold
from schemas.folds.message import MessageState
from schemas.folds.views import Views
from tests.unit.folds.strategies import TIMES, event, message_id

EARLY, _, LATE, AHEAD = TIMES


def after(*kinds: str) -> str:
    """Status of a message after these statuses, in this order."""
    views = Views()
    for kind in kinds:
        failure = Failure(code="1", reason="x") if kind == "failed" else None
        data = StatusData(channel="1", message=message_id(0), failure=failure)
        fold(event(f"status.{kind}", message_id(1), data, EARLY, EARLY), views)
    [state] = views.message.values()
    return state.status


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (("sent",), "sent"),
        (("sent", "delivered"), "delivered"),
        (("delivered", "read", "sent"), "read"),
        (("read",), "read"),
        (("played", "read"), "played"),
        (("sent", "failed"), "failed"),
        (("failed", "delivered"), "delivered"),
        (("failed", "read", "sent"), "read"),
    ],
)
def test_the_lattice_of_statuses(kinds: tuple[str, ...], expected: str) -> None:
    assert {after(*order) for order in itertools.permutations(kinds)} == {expected}


def test_nothing_known_is_pending() -> None:
    assert MessageState(tenant_id="t", message_id="m").status == "pending"


@pytest.mark.parametrize(("part", "expected"), [(1, "pending"), (2, "delivered")])
def test_only_the_last_part_moves_the_message(part: int, expected: str) -> None:
    views = Views()
    data = StatusData(channel="1", message=message_id(0), part=part, parts=2)
    fold(event("status.delivered", message_id(1), data, EARLY, EARLY), views)
    [state] = views.message.values()
    assert state.status == expected
    assert len(state.statuses or {}) == 1


def test_a_clock_that_runs_ahead_counts_as_the_time_of_recording() -> None:
    views = Views()
    data = StatusData(channel="1", message=message_id(0))
    fold(event("status.read", message_id(1), data, AHEAD, LATE), views)
    [state] = views.message.values()
    assert state.read_at == LATE


def test_a_fact_that_no_view_shows_changes_nothing() -> None:
    views = Views()
    assert fold(event("typing.started", message_id(1), TypingData(channel="1", customer="c"), EARLY, EARLY), views)
    assert views == Views()


@pytest.mark.parametrize(
    ("old", "new", "error", "words"),
    [
        (b"status.read/1", b"status.read/2", UnknownEventVersion, "deploy readers before writers"),
        (b"status.read/1", b"status.unheard/1", UnknownEventVersion, "status.unheard/1"),
        (b'"tenantid":"acme",', b"", UndecodableRecord, "tenantid"),
        (EARLY.encode(), b"yesterday", UndecodableRecord, "canonical"),
        (b'"message":', b'"massage":', UndecodableRecord, "message"),
        (b"{", b"", UndecodableRecord, "Expected `object`"),
    ],
)
def test_what_is_not_a_fact_of_ours(old: bytes, new: bytes, error: type[Exception], words: str) -> None:
    views = Views()
    value = event("status.read", message_id(1), StatusData(channel="1", message=message_id(0)), EARLY, EARLY)
    assert old in value
    with pytest.raises(error, match=words):
        fold(value.replace(old, new, 1), views)
    assert views == Views()


def test_a_tombstone_is_not_a_fact() -> None:
    with pytest.raises(UndecodableRecord, match="no value"):
        fold(None, Views())
