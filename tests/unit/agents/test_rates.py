"""Token buckets and the table of them, on a clock of the test's own."""

import asyncio

import pytest

from agents.rates import PermitQueue, RateTable, TokenBucket


def test_a_bucket_starts_empty_and_refills_at_its_rate() -> None:
    bucket = TokenBucket(allowed=300, at=0.0)
    assert bucket.wait(0.0) == pytest.approx(0.2)
    assert bucket.wait(0.2) == 0.0
    bucket.take(0.2)
    assert bucket.wait(0.2) == pytest.approx(0.2)


def test_a_burst_is_bounded_however_long_nothing_was_sent() -> None:
    bucket = TokenBucket(allowed=300, at=0.0)
    sent = 0
    while bucket.wait(3600.0) == 0.0:
        bucket.take(3600.0)
        sent += 1
    assert sent == 15


def test_the_last_allowance_seen_replaces_the_setting() -> None:
    bucket = TokenBucket(allowed=300, at=0.0)
    bucket.observe(0.0, used=1, allowed=60, reset=60)
    assert bucket.wait(0.0) == pytest.approx(1.0)
    bucket.observe(0.0, used=1, allowed=600, reset=60)
    assert bucket.wait(0.0) == pytest.approx(0.1)


def test_calls_in_flight_count_against_the_window() -> None:
    bucket = TokenBucket(allowed=300, at=0.0, level=10.0)
    bucket.observe(0.0, used=298, allowed=300, reset=17)
    bucket.take(0.0)
    bucket.take(0.0)
    assert bucket.wait(0.0) == pytest.approx(17.0)
    bucket.done()
    assert bucket.wait(0.0) == 0.0


def test_an_answer_that_was_overtaken_gives_nothing_back() -> None:
    bucket = TokenBucket(allowed=300, at=0.0, level=10.0)
    bucket.observe(0.0, used=300, allowed=300, reset=17)
    bucket.observe(0.1, used=250, allowed=300, reset=17)
    assert bucket.wait(0.1) == pytest.approx(16.9)


def test_an_answer_that_took_long_does_not_pass_for_one_of_a_later_window() -> None:
    bucket = TokenBucket(allowed=300, at=0.0, level=10.0)
    # Said at some moment from 0 to 20, so of a window that ends from 40 to 60.
    bucket.observe(20.0, used=19, allowed=300, reset=40, took=20.0)
    bucket.observe(21.0, used=300, allowed=300, reset=20, took=0.1)
    assert bucket.wait(21.0) == pytest.approx(20.0)


def test_a_window_that_is_used_up_is_waited_for() -> None:
    bucket = TokenBucket(allowed=300, at=0.0, level=10.0)
    bucket.observe(0.0, used=300, allowed=300, reset=17)
    assert bucket.wait(0.0) == pytest.approx(17.0)


def test_a_refusal_freezes_the_bucket() -> None:
    bucket = TokenBucket(allowed=300, at=0.0, level=5.0)
    bucket.freeze(0.0, 43.0)
    assert bucket.wait(3.0) == pytest.approx(40.0)


def test_a_takeover_recalls_the_allowance_but_never_a_full_bucket() -> None:
    table = RateTable(lambda: 0.0, lambda _: {"level": 12.0, "allowed": 600.0})
    bucket = table.bucket("genesys:client", 3, 300)
    assert (bucket.allowed, bucket.level) == (600.0, 0.0)


def test_only_what_changed_is_written_behind() -> None:
    table = RateTable(lambda: 0.0, lambda _: None)
    bucket = table.bucket("genesys:client", 3, 300)
    table.bucket("genesys:other", 3, 300)
    bucket.observe(0.0, used=1, allowed=300, reset=60)
    assert [(partition, name) for partition, name, _ in table.changes()] == [(3, "genesys:client")]
    assert list(table.changes()) == []


def test_a_permit_given_before_the_platform_said_no_does_not_count_any_more() -> None:
    bucket = TokenBucket(allowed=300, at=0.0)
    bucket.take(10.0)
    assert not bucket.forbids(10.0)
    bucket.observe(10.1, used=300, allowed=300, reset=20)
    assert bucket.forbids(10.2)
    assert not bucket.forbids(30.2)
    bucket.freeze(30.2, 5.0)
    assert bucket.forbids(35.1)


def test_of_two_permits_only_as_many_are_used_as_the_window_has_left() -> None:
    bucket = TokenBucket(allowed=300, at=0.0)
    bucket.observe(10.1, used=299, allowed=300, reset=20)
    assert not bucket.forbids(10.2)
    with bucket.making():
        assert bucket.forbids(10.2)
    assert not bucket.forbids(10.2)


def test_a_partition_that_comes_back_soon_finds_what_the_platform_said_but_nothing_saved_up() -> None:
    clock = [0.0]
    table = RateTable(lambda: clock[0], lambda name: None)
    bucket = table.bucket("client", 3, 300)
    bucket.observe(0.0, used=300, allowed=300, reset=30)
    clock[0] = 10.0
    bucket.level = 5.0
    table.drop_partition(3)
    clock[0] = 20.0
    again = table.bucket("client", 3, 300)
    assert again.level == 0.0
    assert again.forbids(20.0)
    clock[0] = 40.0
    table.drop_partition(3)
    assert not table.bucket("client", 3, 300).forbids(29.0)


def test_a_partition_that_comes_back_knows_what_an_answer_said_while_it_was_away() -> None:
    table = RateTable(lambda: 0.0, lambda name: None)
    bucket = table.bucket("client", 3, 300)
    bucket.take(0.0)
    table.drop_partition(3)
    bucket.freeze(0.0, 60.0)
    bucket.done()
    assert table.bucket("client", 3, 300).forbids(59.0)


async def test_a_permit_is_there_at_once_but_nobody_overtakes_who_waits() -> None:
    clock = [0.0]
    bucket = TokenBucket(allowed=6000, at=0.0, level=1.0)
    queue = PermitQueue(lambda: clock[0])
    assert await queue.permit([bucket], 0) == 0
    order: list[str] = []

    async def ask(name: str) -> None:
        await queue.permit([bucket], 0)
        order.append(name)

    first = asyncio.create_task(ask("first"))
    await asyncio.sleep(0)
    clock[0] = 10.0
    await ask("second")
    await first
    assert order == ["first", "second"]


def test_rows_are_written_in_turns_when_not_all_may_be() -> None:
    table = RateTable(lambda: 0.0, lambda _: None)
    names = [f"genesys:{n}" for n in range(5)]
    written = []
    for _ in range(5):
        for name in names:
            table.bucket(name, 0, 60).take(0.0)
        written += [name for _, name, _ in table.changes(2)]
    assert written == names + names
