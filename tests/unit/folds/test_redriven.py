"""What a redrive means for the message, whatever order the facts arrive in."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from schemas import outcomes
from schemas.envelope import Envelope, decode, encode
from schemas.events import Failure, StatusData
from schemas.folds.fold import fold
from schemas.folds.message import MessageState
from schemas.folds.views import Views
from schemas.redriving import given_up, redriven
from tests.unit.folds.strategies import event, message_id
from tests.unit.schemas.samples import composed

MESSAGE = composed()
FAILURE = Failure(code="131047", reason="window closed")


def at(seconds: float) -> str:
    return f"2026-11-23T10:00:{seconds:06.3f}Z"


def outcome(kind: str, seconds: float, offset: int = 7, delivery: str = MESSAGE.id) -> bytes:
    named: dict[str, Any] = {"delivery": delivery, "offset": offset, "term": 0}
    record: outcomes.DeliveryRecord
    if kind == "accepted":
        record = outcomes.Accepted(**named, platform="whatsapp", status=200)
    else:
        record = outcomes.Ended(**named, platform="whatsapp", failure=FAILURE)
    return event(f"delivery.{kind}", message_id(9), record, at(seconds), at(seconds))


def status(kind: str, seconds: float) -> bytes:
    failure = FAILURE if kind == "failed" else None
    data = StatusData(channel="1", message=MESSAGE.id, genesys_id="g", failure=failure)
    return event(f"status.{kind}", message_id(len(kind)), data, at(seconds), at(seconds))


def redrive(seconds: float, number: int = 1, fact: Envelope = MESSAGE) -> bytes:
    letter = given_up(fact, 7)
    return encode(redriven(letter, number=number, reason="corrected", by="op", at=at(seconds)))


def folded(*records: bytes) -> Views:
    views = Views()
    for record in records:
        fold(record, views)
    return views


def shown(*records: bytes) -> str:
    """The message's status, which must not depend on the order of the records."""
    found = {folded(*order).message["acme", MESSAGE.id].status for order in itertools.permutations(records)}
    assert len(found) == 1
    return found.pop()


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ((outcome("dead_lettered", 1.5),), "failed"),
        ((outcome("dead_lettered", 1.5), redrive(2.5)), "pending"),
        ((status("failed", 1.4), outcome("dead_lettered", 1.5), redrive(2.5), outcome("accepted", 3.5, 9)), "sent"),
        ((outcome("dead_lettered", 1.5), redrive(2.5), outcome("dead_lettered", 3.5, 9)), "failed"),
        ((outcome("dead_lettered", 1.5), redrive(2.5), outcome("dead_lettered", 3.5, 9), redrive(4.5, 2)), "pending"),
        ((outcome("dead_lettered", 1.5), redrive(2.5), status("delivered", 4)), "delivered"),
        ((redrive(2.5), outcome("accepted", 3.5, 9), status("failed", 5)), "failed"),
    ],
)
def test_a_redrive_supersedes_the_failures_before_it(records: tuple[bytes, ...], expected: str) -> None:
    assert shown(encode(MESSAGE), *records) == expected


def test_a_failure_told_in_whole_seconds_may_be_later_than_it_says() -> None:
    assert shown(redrive(2.5), outcome("accepted", 2.6, 9), status("failed", 2)) == "failed"
    assert shown(redrive(2.5), outcome("accepted", 2.6, 9), status("failed", 1)) == "sent"


def test_the_timeline_says_that_it_was_redriven_and_why() -> None:
    fact = decode(redrive(2.5))
    [message] = folded(encode(fact)).message.values()
    assert message.message_id == MESSAGE.id
    [(key, value)] = (message.statuses or {}).items()
    assert key.startswith(f"{fact.id}/")
    assert json.loads(value) == ["delivery.redriven", at(2.5), at(2.5), 1, 1, "", "corrected"]


def test_a_redriven_receipt_stands_in_the_messages_timeline_and_changes_no_status() -> None:
    receipt = decode(status("delivered", 1))
    views = folded(redrive(2.5, fact=receipt))
    [message] = views.message.values()
    assert (message.message_id, len(message.statuses or {})) == (MESSAGE.id, 1)
    assert message == MessageState(tenant_id=message.tenant_id, message_id=MESSAGE.id, statuses=message.statuses)


def test_attempts_of_the_original_and_of_its_redrive_are_told_apart() -> None:
    views = folded(outcome("dead_lettered", 1.5), outcome("accepted", 3.5, offset=9))
    assert sorted((a.events_offset, a.result) for a in views.attempt.values()) == [
        (7, "dead_lettered"),
        (9, "accepted"),
    ]


def test_a_message_never_redriven_fails_as_ever() -> None:
    state = MessageState(tenant_id="t", message_id="m", failed_at=at(1), sent_at=at(2))
    assert state.status == "failed"
