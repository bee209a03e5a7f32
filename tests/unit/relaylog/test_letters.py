"""What a person sees of a dead letter, with and without what is personal."""

from __future__ import annotations

import json
from typing import Any

import pytest

from relaylog.letters import HIDDEN, line_of, whole
from schemas.envelope import encode
from schemas.redriving import given_up, redriven
from streams.dead_letter_reader import DeadLetter
from tests.unit.schemas.samples import CUSTOMER, composed, received

AT = "2026-11-22T10:00:00.000Z"
REDRIVE = redriven(given_up(received(), 7), number=1, reason="x", by="op", at=AT)


def letter(value: bytes, handler: str = "sender") -> DeadLetter:
    return DeadLetter(
        id="7d0c", partition=1, offset=3, timestamp=0, tenant="acme", reason="131047: window closed",
        origin="relaylog.events/1/7", handler=handler, attempts=2, at=AT, value=value,
    )  # fmt: skip


def shown(one: DeadLetter, *, content: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(whole(one, content))
    return found


@pytest.mark.parametrize("value", [encode(received()), encode(composed()), encode(REDRIVE)])
def test_a_fact_is_shown_without_what_is_personal(value: bytes) -> None:
    one = letter(value)
    assert CUSTOMER in value.decode() and CUSTOMER not in whole(one, content=False)
    assert shown(one)["content"]["type"] == json.loads(value)["type"]
    assert shown(one)["content"]["data"]["personal"] == HIDDEN


def test_a_fact_is_shown_whole_when_asked_for() -> None:
    assert shown(letter(encode(received())), content=True)["content"] == json.loads(encode(received()))


@pytest.mark.parametrize("handler", ["gateway", "intake", "sender"])
@pytest.mark.parametrize("value", [b'{"from": "447700900123"}', b"447700900123", b"\xff"])
def test_anything_else_is_hidden_wholly(value: bytes, handler: str) -> None:
    one = shown(letter(value, handler))
    assert (one["content"], one["bytes"]) == (HIDDEN, len(value))


@pytest.mark.parametrize(
    ("value", "content"), [(b'{"a": 1}', {"a": 1}), (b"{not json", "{not json"), (b"\xff", "\\xff")]
)
def test_bytes_are_decoded_where_they_can_be(value: bytes, content: Any) -> None:
    assert shown(letter(value, "gateway"), content=True)["content"] == content


def test_a_line_says_what_why_and_whose() -> None:
    line = line_of(letter(b""))
    for word in (AT, "7d0c", "open", "acme", "sender", "131047: window closed"):
        assert word in line
