"""Places and cursor of a destination."""

import pytest

from agents import ledger as ledger_module
from agents.circuit import Circuit, Verdict
from agents.destination import LANE_SHARE, PROBES, Destination, Place, State
from agents.facts import Fact
from agents.ledger import Destination as Key
from agents.ledger import Ledger
from agents.slots import Standing
from schemas.delivery import Delivery
from schemas.envelope import envelope
from schemas.events import Failure
from streams.log import Record
from streams.settings import Settings
from tests.unit.schemas.samples import tenant

KEY: Key = ("acme", "genesys")
NOW = "2026-11-22T10:00:00.000Z"


def _clock() -> float:
    return 0.0


def place(offset: int, lane: str = "thread") -> Place:
    event = envelope(
        id=f"e{offset}",
        type="message.received",
        source="test",
        time=NOW,
        recordedtime=NOW,
        data=Failure(code="", reason=""),
    )
    record = Record(0, offset, 0, None, b"", ())
    delivery = Delivery(f"e{offset}", "acme", "genesys", "message", lane, "1055", NOW, ())
    return Place(Fact(record, event, (event.id,), KEY), delivery, tenant())


def destination(
    state: State = State.BEHIND, limit: int = 4, finished_limit: int | None = None
) -> tuple[Destination, Ledger]:
    ledger = Ledger()
    settings = Settings(places=limit, finished_places=finished_limit or limit - 1)
    return Destination(KEY, state, 100, settings, ledger, Circuit(_clock), Standing(_clock)), ledger


def test_the_cursor_is_the_first_unfinished_offset_else_the_read_position() -> None:
    behind, _ = destination()
    assert behind.cursor(None) == 100
    behind.add(place(101))
    behind.add(place(105))
    behind.read_position = 106
    assert behind.cursor(None) == 101
    behind.finish(101, None)
    assert behind.cursor(None) == 105
    behind.finish(105, None)
    assert behind.cursor(None) == 106


def test_the_cursor_of_a_live_destination_without_work_is_where_the_stream_is() -> None:
    live, _ = destination(State.LIVE)
    assert live.cursor(500) == 500
    live.read_position = 700
    live.go_live()
    assert live.cursor(500) == 700


def test_a_lane_needs_one_runner() -> None:
    behind, _ = destination()
    assert behind.add(place(1, "a")) == "a"
    assert behind.add(place(2, "a")) is None
    assert behind.add(place(3, "b")) == "b"


def test_a_stuck_delivery_bounds_what_is_finished_behind_it() -> None:
    behind, ledger = destination(limit=4)
    behind.add(place(1, "stuck"))
    for offset in (2, 3, 4):
        behind.add(place(offset, f"other {offset}"))
        ledger.finished.setdefault(KEY, set()).add(offset)
        behind.finish(offset, None)
    assert behind.room() == 0
    ledger.finished[KEY].add(1)
    behind.read_position = 5
    behind.finish(1, None)
    assert behind.room() == 4
    assert ledger.finished == {}


def test_while_the_circuit_is_open_one_busy_thread_does_not_keep_others_from_probing() -> None:
    behind, _ = destination(limit=64)
    for _ in range(3):
        behind.circuit.record("thread", Verdict.TRANSPORT)
    for offset in range(20):
        behind.add(place(offset))
    assert behind.circuit.is_open and behind.takes_more()
    for offset in range(20, 20 + PROBES):
        behind.add(place(offset, lane=f"thread {offset}"))
    assert not behind.takes_more()


def crowded() -> Destination:
    """Others hold so much of the first half of the places that a thread may have an eighth, which is two."""
    behind, _ = destination(limit=2 * LANE_SHARE)
    for offset in range(400, 406):
        behind.add(place(offset, f"thread {offset}"))
    return behind


def test_a_thread_alone_may_hold_half_of_the_places() -> None:
    behind, _ = destination(limit=2 * LANE_SHARE)
    for offset in range(100, 108):
        assert not behind.passes_over("busy", offset)
        behind.add(place(offset, "busy"))
    assert behind.passes_over("busy", 108)


def test_a_thread_that_holds_its_share_of_the_places_is_passed_over_and_holds_the_cursor() -> None:
    behind = crowded()
    for offset in (100, 101):
        assert not behind.passes_over("busy", offset)
        behind.add(place(offset, "busy"))
    assert behind.passes_over("busy", 102) and behind.passes_over("busy", 104)
    assert not behind.passes_over("other", 103)
    behind.read_position = 110
    for offset in (100, 101):
        assert behind.cursor(None) == offset
        behind.lanes["busy"].popleft()
        behind.finish(offset, None)
    assert behind.cursor(None) == 102


def test_the_sweep_goes_back_to_a_thread_that_has_room_and_then_on_from_where_it_was() -> None:
    behind = crowded()
    for offset in (100, 101):
        behind.add(place(offset, "busy"))
    assert behind.passes_over("busy", 102)
    behind.read_position = 500
    assert behind.readmit("other", None) is None
    behind.lanes["busy"].popleft()
    assert behind.readmit("busy", None) == 102
    behind.read_position = 102
    assert not behind.passes_over("busy", 102)
    behind.add(place(102, "busy"))
    assert behind.passes_over("busy", 103)
    assert behind.read_position == 500
    assert behind.cursor(None) == 100


def test_while_it_goes_back_for_one_thread_nothing_of_another_is_left_out() -> None:
    behind = crowded()
    for lane, first in (("one", 100), ("two", 110)):
        behind.add(place(first, lane))
        behind.add(place(first + 50, lane))
    assert behind.passes_over("one", 300) and behind.passes_over("two", 310)
    behind.read_position = 500
    for lane in ("one", "two"):
        behind.lanes[lane].popleft()
    assert behind.readmit("one", None) == 300
    behind.read_position = 300
    assert behind.readmit("two", None) == 310
    behind.add(place(300, "one"))
    assert behind.passes_over("one", 305)
    assert behind.read_position == 300
    behind.add(place(310, "two"))
    assert behind.passes_over("two", 320)
    assert behind.read_position == 500


def test_what_is_met_below_where_a_thread_was_passed_over_holds_the_cursor() -> None:
    behind = crowded()
    for offset in (100, 101):
        behind.add(place(offset, "busy"))
    assert behind.passes_over("busy", 300) and behind.passes_over("busy", 200)
    behind.read_position = 500
    for offset in (100, 101):
        behind.lanes["busy"].popleft()
        behind.finish(offset, None)
    assert behind.cursor(None) == 200


def test_once_the_ledger_is_crowded_who_remembers_many_finished_takes_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "CROWDED", 20)
    behind, ledger = destination(limit=8, finished_limit=100)
    behind.read_position = 200
    behind.add(place(100))
    ledger.finished[KEY] = set(range(101, 115))
    assert behind.room() == 7
    ledger.finished["globex", "genesys"] = set(range(10))
    assert behind.room() < 0
    ledger.finished[KEY] = set(range(101, 109))
    assert behind.room() == 7
