"""Rows of the rate table, read from a changelog of the test's own; and a table that is never recovered."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, cast

import pytest

from agents import rate_rows
from agents.context import Reader
from agents.hand_over import HandOver
from agents.rate_rows import RateRows, RateRowsStuck
from streams.log import LogUnavailable, Record
from tests.unit.streams.samples import make_settings

ROW = {"level": -1.0, "allowed": 60.0}


def record(offset: int, name: str, value: Any = ROW) -> Record:
    """A row as Faust writes it."""
    return Record(0, offset, 0, json.dumps(name).encode(), json.dumps(value).encode(), [])


class Changelog:
    """A reader of one partition; ``end`` may lie beyond its last record, as after compaction."""

    def __init__(self, records: list[Record], end: int, failures: int = 0) -> None:
        self.records, self.end, self.failures = records, end, failures
        self.at = 0
        self.read_from = -1
        self.stopped = 0

    async def start(self) -> None:
        if self.failures:
            self.failures -= 1
            raise LogUnavailable("no broker")

    async def stop(self) -> None:
        self.stopped += 1

    def seek(self, offset: int) -> None:
        self.at = self.read_from = offset

    async def position(self) -> int:
        return self.at

    async def start_offset(self) -> int:
        return 0

    async def end_offset(self) -> int:
        return self.end

    async def read(self, max_records: int = 1000, timeout_ms: int = 500) -> list[Record]:
        found = [each for each in self.records if each.offset >= self.at]
        if found:
            self.at = found[-1].offset + 1
        return found


async def recovered(changelog: Changelog, fatal: Callable[[BaseException], None] | None = None) -> dict[str, Any]:
    """What is in the table once partition 0 has been read."""
    rows: dict[str, Any] = {}
    failures: list[BaseException] = []
    reading = RateRows(make_settings(), lambda *_: cast(Reader, changelog), rows, fatal or failures.append)
    reading.assign([0])
    await asyncio.gather(*reading._reading.values())
    assert not failures
    return rows


async def test_the_last_row_of_a_bucket_counts_and_the_reader_is_let_go() -> None:
    changelog = Changelog([record(0, "a"), record(1, "b"), record(2, "a", {"level": 0, "allowed": 300})], end=3)
    assert await recovered(changelog) == {"a": {"level": 0.0, "allowed": 300.0}, "b": ROW}
    assert changelog.stopped == 1


async def test_only_the_newest_rows_are_read_however_long_the_changelog_is() -> None:
    changelog = Changelog([record(1_000_000, "a")], end=1_000_001)
    assert await recovered(changelog) == {"a": ROW}
    assert changelog.read_from == 1_000_001 - rate_rows.NEWEST


@pytest.mark.parametrize("value", [None, [], {"level": 1}, {"level": "x", "allowed": 1}, 7])
async def test_what_is_no_row_is_left_out(value: Any) -> None:
    assert await recovered(Changelog([record(0, "bad", value), record(1, "good")], end=2)) == {"good": ROW}


async def test_a_tombstone_is_left_out() -> None:
    assert await recovered(Changelog([Record(0, 0, 0, b'"a"', None, [])], end=1)) == {}


async def test_an_empty_changelog_gives_no_rows() -> None:
    assert await recovered(Changelog([], end=0)) == {}


async def test_a_changelog_whose_end_was_compacted_away_is_not_waited_for() -> None:
    """Faust waits there for the record of the last offset, which never comes."""
    assert await recovered(Changelog([record(0, "a")], end=9)) == {"a": ROW}


async def test_a_broker_that_does_not_answer_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_rows, "PAUSE", 0.0)
    assert await recovered(Changelog([record(0, "a")], end=1, failures=3)) == {"a": ROW}


async def test_a_table_that_cannot_be_read_ends_the_process_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_rows, "PAUSE", 0.01)
    monkeypatch.setattr(rate_rows, "LIMIT", 0.1)
    failures: list[BaseException] = []
    await recovered(Changelog([], end=0, failures=1_000_000), failures.append)
    [failure] = failures
    assert isinstance(failure, RateRowsStuck)
    assert "no broker" in str(failure)
    assert "`relaylog topics reset-rates`" in str(failure)


async def test_reading_for_a_partition_that_went_is_given_up() -> None:
    changelog = Changelog([], end=0, failures=1_000_000)
    reading = RateRows(make_settings(), lambda *_: cast(Reader, changelog), {}, lambda _: None)
    reading.assign([0])
    [task] = reading._reading.values()
    reading.assign([])
    await asyncio.wait([task])
    assert task.cancelled()


async def test_a_partition_that_faust_does_not_hand_over_ends_the_process_with_the_command() -> None:
    now, owned = 0.0, {0, 1}
    watch = HandOver(make_settings(), lambda: {0, 1, 2}, owned.__contains__, lambda: now)
    await watch.check()
    now = rate_rows.LIMIT - 1
    await watch.check()
    now = rate_rows.LIMIT
    with pytest.raises(RateRowsStuck, match=r"partitions \[2\].*`relaylog topics reset-rates`"):
        await watch.check()


async def test_each_hand_over_has_its_own_time() -> None:
    now, owned = 0.0, {0}
    watch = HandOver(make_settings(), lambda: {0, 1}, lambda number: number in owned, lambda: now)
    await watch.check()
    owned = {1}
    now = rate_rows.LIMIT
    await watch.check()
    owned = {0, 1}
    now *= 2
    await watch.check()
