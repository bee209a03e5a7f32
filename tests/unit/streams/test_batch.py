import json
from collections import Counter

import orjson
import pytest

from schemas.envelope import Envelope, envelope
from schemas.errors import InvalidInput
from schemas.events import ErrorData, Failure
from schemas.translation import Rejected, Translated
from streams.dead_letters import dead_letter_id
from streams.gateway.batch import MAX_FACT_BYTES, Batch
from streams.gateway.bodies import json_bytes, parse_json
from streams.topics import MAX_MESSAGE_BYTES
from tests.unit.streams.samples import sample_tenant

NOW = "2026-11-23T10:00:00.000Z"


def fact(reason: str = "why") -> Envelope:
    return envelope(
        id="00000000-0000-5000-8000-000000000001",
        type="platform.error_reported",
        source="whatsapp/1",
        time=NOW,
        recordedtime=NOW,
        tenantid="acme",
        data=ErrorData(channel="1", failure=Failure(code="1", reason=reason)),
    )


def batch() -> Batch:
    return Batch("webhooks/whatsapp/main", "gateway", NOW)


def test_facts_skips_and_rejections_are_told_apart() -> None:
    one = batch()
    translated = Translated(
        [fact()], Counter(field_calls=2), [Rejected("invalid_id", {"id": None}, "id: expected text")]
    )
    one.add(sample_tenant(partition=2), translated, b"whole body")
    assert one.answer() == {"accepted": 1, "skipped": 2, "dead_lettered": 1}
    event, letter = one.entries
    assert (event.topic, event.partition, event.key) == ("events", 2, b"acme")
    assert dict(event.headers) == {"type": b"platform.error_reported", "id": fact().id.encode()}
    assert (letter.topic, letter.partition, letter.key, letter.value) == ("dead-letters", 2, b"acme", b'{"id":null}')
    assert dict(letter.headers) == {
        "id": dead_letter_id("webhooks/whatsapp/main", b'{"id":null}').encode(),
        "reason": b"invalid_id: id: expected text",
        "origin": b"webhooks/whatsapp/main",
        "handler": b"gateway",
        "attempts": b"0",
        "at": NOW.encode(),
    }


def test_what_belongs_to_no_tenant_goes_to_partition_0_without_a_key() -> None:
    one = batch()
    one.add_dead_letter(None, b"?", "not_a_webhook")
    assert (one.entries[0].partition, one.entries[0].key) == (0, None)


def test_a_fact_too_large_for_the_log_leaves_its_body_instead() -> None:
    one = batch()
    one.add_fact(sample_tenant(), fact("x" * MAX_MESSAGE_BYTES), b"body")
    assert one.answer() == {"accepted": 0, "skipped": 0, "dead_lettered": 1}
    assert one.entries[0].value == b"body"
    assert MAX_FACT_BYTES < MAX_MESSAGE_BYTES


def test_a_dead_letter_is_the_same_for_the_same_bytes_from_the_same_place_only() -> None:
    ids = {dead_letter_id(origin, value) for origin in ("a", "b") for value in (b"1", b"2")}
    assert len(ids) == 4
    assert dead_letter_id("a", b"1") in ids


def test_one_lone_surrogate_does_not_spoil_a_body() -> None:
    body = b'{"a": "\\ud83d"}'
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(body)
    parsed = parse_json(body)
    assert parsed == {"a": "\ud83d"}
    assert json.loads(json_bytes(parsed, b"")) == parsed


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput, match="JSON"):
        parse_json(body)
