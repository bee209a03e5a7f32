"""A search for an earlier copy goes through the log in turns, and answers as one reading would."""

import asyncio
from typing import Any, cast

import pytest

from agents import late_copies
from agents.context import Reader
from agents.facts import Fact
from agents.late_copies import LateCopies
from schemas.envelope import envelope
from schemas.events import Failure
from streams.log import Record

NOW = "2026-11-22T10:00:00.000Z"
LENGTH, EACH = 40, 4


def record(offset: int) -> Record:
    return Record(0, offset, offset, b"acme", str(offset % 30).encode(), ())


def fact(record: Record) -> Fact:
    """Every thirtieth record has the same id."""
    event = envelope(
        id=(record.value or b"").decode(),
        type="message.received",
        source="test",
        time=NOW,
        recordedtime=NOW,
        data=Failure(code="", reason=""),
    )
    return Fact(record, event, (event.id,), ("acme", "genesys"))


class Log:
    """Gives EACH records a read, from wherever it was moved to."""

    def __init__(self) -> None:
        self.at = 0

    def seek(self, offset: int) -> None:
        self.at = offset

    async def position(self) -> int:
        return self.at

    async def end_offset(self) -> int:
        return LENGTH

    async def offset_at(self, timestamp: int) -> int:
        return 0

    async def read(self, **_: Any) -> list[Record]:
        read = [record(offset) for offset in range(self.at, min(self.at + EACH, LENGTH))]
        self.at += len(read)
        return read


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Reader:
    monkeypatch.setattr(late_copies, "TURN", 2 * EACH)
    return cast(Reader, Log())


async def test_each_turn_reads_no_more_than_its_share_and_others_may_move_the_reader(log: Reader) -> None:
    copies, turns = LateCopies(fact, lambda: None), []
    asked = [asyncio.create_task(copies.is_copy(fact(record(offset)))) for offset in (5, 29, 31, 39)]
    await asyncio.sleep(0)
    while copies.asked:
        turns.append(await copies.search(log))
        log.seek(17)
    assert max(turns) == 2 * EACH and len(turns) == LENGTH // (2 * EACH)
    assert [task.result() for task in await _done(asked)] == [False, False, True, True]


async def test_a_search_that_retention_overtook_begins_anew(log: Reader) -> None:
    copies = LateCopies(fact, lambda: None)
    asked = asyncio.create_task(copies.is_copy(fact(record(35))))
    await asyncio.sleep(0)
    await copies.search(log)
    copies.begin_anew()
    while copies.asked:
        await copies.search(log)
    assert [task.result() for task in await _done([asked])] == [True]


async def test_what_is_to_be_appended_is_looked_for_up_to_the_end_of_the_log(log: Reader) -> None:
    copies = LateCopies(fact, lambda: None)
    asked = [asyncio.create_task(copies.is_in_the_log(id, record(3))) for id in ("29", "5", "30")]
    asked.append(asyncio.create_task(copies.is_copy(fact(record(5)))))
    await asyncio.sleep(0)
    while copies.asked:
        await copies.search(log)
    assert [task.result() for task in await _done(asked)] == [True, True, False, False]


async def _done(asked: list[asyncio.Task[bool]]) -> list[asyncio.Task[bool]]:
    await asyncio.wait(asked, timeout=1.0)
    return asked
