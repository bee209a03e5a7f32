"""The ledger: what a fold of ``outcomes`` knows, and that a checkpoint loses none of it."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from agents.ledger import Destination, Ledger
from schemas.envelope import Envelope, decode_data, envelope
from schemas.events import Failure as Why
from schemas.outcomes import Accepted, Attempted, Checkpoint, DeliveryRecord, Ended, Failed, TookOver

NOW = "2026-11-22T10:00:00.000Z"
GENESYS: Destination = ("acme", "genesys")


def outcome(type_: str, data: msgspec.Struct) -> Envelope:
    return envelope(id="x", type=type_, source="test", time=NOW, recordedtime=NOW, tenantid="acme", data=data)


def names(offset: int, attempt: int = 1, part: int = 1, parts: int = 1, term: int = 0) -> dict[str, Any]:
    return {
        "delivery": f"d{offset}",
        "offset": offset,
        "platform": "genesys",
        "term": term,
        "attempt": attempt,
        "part": part,
        "parts": parts,
    }


def took_over() -> Envelope:
    return outcome("sender.took_over", TookOver(sender="s"))


def attempted(offset: int, term: int, attempt: int = 1) -> Envelope:
    return outcome("delivery.attempted", Attempted(**names(offset, attempt, term=term), digest="d"))


def accepted(offset: int, part: int = 1, parts: int = 1) -> Envelope:
    return outcome("delivery.accepted", Accepted(**names(offset, part=part, parts=parts), status=200))


def failed(offset: int, attempt: int = 1) -> Envelope:
    failure = Why(code="500", reason="broken")
    return outcome("delivery.failed", Failed(**names(offset, attempt), failure=failure, status=500))


def expired(offset: int) -> Envelope:
    return outcome("delivery.expired", Ended(**names(offset), failure=Why(code="expired", reason="old")))


def folded(*records: Envelope) -> Ledger:
    ledger = Ledger()
    for offset, record in enumerate(records):
        ledger.fold(offset, record)
    return ledger


def test_an_attempt_without_a_result_is_open() -> None:
    ledger = folded(took_over(), attempted(7, term=0))
    assert ledger.open[7].attempt == 1
    assert not ledger.is_finished(GENESYS, 7)


def test_an_attempt_of_a_former_owner_after_the_takeover_is_void() -> None:
    ledger = folded(took_over(), took_over(), attempted(7, term=0))
    assert ledger.open == {}


def test_a_result_is_true_whoever_writes_it() -> None:
    ledger = folded(took_over(), attempted(7, term=0), took_over(), accepted(7))
    assert ledger.is_finished(GENESYS, 7)
    assert ledger.open == {}


def test_a_refusal_closes_its_own_attempt_only() -> None:
    ledger = folded(took_over(), attempted(7, term=0), attempted(7, term=0, attempt=2), failed(7, attempt=1))
    assert ledger.open[7].attempt == 2
    ledger.fold(4, failed(7, attempt=2))
    assert ledger.open == {}


def test_a_refusal_of_another_term_closes_nothing() -> None:
    ledger = folded(took_over(), took_over(), attempted(7, term=1), failed(7))
    assert ledger.open[7].term == 1


def test_a_late_result_of_an_earlier_part_takes_nothing_back() -> None:
    ledger = folded(took_over(), accepted(7, part=1, parts=3), accepted(7, part=2, parts=3), accepted(7, 1, parts=3))
    assert ledger.parts[7].part == 2


def test_a_delivery_in_parts_is_finished_with_its_last_one() -> None:
    ledger = folded(took_over(), attempted(7, term=0), accepted(7, part=1, parts=2))
    assert ledger.parts[7].part == 1
    assert not ledger.is_finished(GENESYS, 7)
    ledger.fold(3, accepted(7, part=2, parts=2))
    assert ledger.is_finished(GENESYS, 7)
    assert ledger.parts == {}


def test_what_the_cursor_has_passed_is_forgotten() -> None:
    ledger = folded(took_over(), accepted(1), accepted(2), accepted(5))
    ledger.forget_below(GENESYS, 5)
    assert ledger.finished == {GENESYS: {5}}


def test_a_checkpoint_writes_finished_offsets_as_ranges() -> None:
    ledger = folded(took_over(), *(accepted(offset) for offset in (10, 11, 12, 15)))
    (state,) = ledger.checkpoint("c", live=30, cursors={GENESYS: 9}).destinations
    assert state.cursor == 9
    assert state.finished == ((10, 12), (15, 15))


RECORDS = st.one_of(
    st.just(took_over()),
    st.builds(attempted, st.integers(0, 9), st.integers(0, 3), st.integers(1, 3)),
    st.builds(accepted, st.integers(0, 9)),
    st.builds(accepted, st.integers(0, 9), st.just(1), st.just(2)),
    st.builds(failed, st.integers(0, 9), st.integers(1, 3)),
    st.builds(expired, st.integers(0, 9)),
)


@given(st.lists(RECORDS, max_size=40), st.integers(0, 40))
def test_folding_on_from_a_checkpoint_is_folding_from_the_start(records: list[Envelope], cut: int) -> None:
    """A stale checkpoint is only old, never wrong: fold from its ``as_of`` and nothing is missing."""
    whole, before = folded(*records), folded(*records[:cut])
    checkpoint = before.checkpoint("c", live=0, cursors={GENESYS: 0})
    read_back = msgspec.json.decode(msgspec.json.encode(checkpoint), type=Checkpoint)
    ledger = Ledger.from_checkpoint(read_back)
    for offset, record in enumerate(records[cut:], start=ledger.as_of):
        ledger.fold(offset, record)
    assert (ledger.owner, ledger.open, ledger.finished, ledger.parts) == (
        whole.owner,
        whole.open,
        whole.finished,
        whole.parts,
    )


def test_a_record_whose_data_is_at_hand_folds_as_one_that_is_decoded() -> None:
    shapes: dict[str, type[DeliveryRecord]] = {
        "delivery.attempted": Attempted,
        "delivery.accepted": Accepted,
        "delivery.failed": Failed,
        "delivery.expired": Ended,
    }
    records = [attempted(7, 0), failed(7), attempted(7, 0, 2), accepted(7, 1, 2), accepted(7, 2, 2), expired(8)]
    decoding, handed = folded(took_over()), folded(took_over())
    for offset, record in enumerate(records, 1):
        data = decode_data(record, shapes[record.type])
        assert handed.fold(offset, record, data) == decoding.fold(offset, record) == data
        assert handed == decoding
