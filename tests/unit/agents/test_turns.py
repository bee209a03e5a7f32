"""Who is ready at once goes on a few at a time, in order, unless there is no time to spare."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from agents.turns import AT_ONCE, LOOK, Load, Turns


async def test_a_bunch_goes_on_in_order_a_few_in_each_pass() -> None:
    turns, gone = Turns(lambda: False), list[int]()
    for number in range(5 * AT_ONCE):
        turns.give(partial(gone.append, number))
    assert gone == []
    lengths = []
    while len(gone) < 5 * AT_ONCE:
        await asyncio.sleep(0)
        lengths.append(len(gone))
    assert gone == list(range(5 * AT_ONCE))
    assert lengths == [AT_ONCE * passes for passes in range(1, 6)]


async def test_without_time_to_spare_nobody_waits() -> None:
    turns, gone = Turns(lambda: True), list[int]()
    turns.give(partial(gone.append, 1))
    assert gone == [1]
    await turns.come()


async def test_who_waits_goes_on_when_time_gets_short() -> None:
    busy = False
    turns, gone = Turns(lambda: busy), list[int]()
    for number in range(5 * AT_ONCE):
        turns.give(partial(gone.append, number))
    busy = True
    turns.give(partial(gone.append, -1))
    await asyncio.sleep(0)
    assert gone == [*range(5 * AT_ONCE), -1]


async def test_who_is_cancelled_while_waiting_holds_nobody_up() -> None:
    turns = Turns(lambda: False)
    waiting = [asyncio.create_task(turns.come()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    async with asyncio.timeout(5):
        await asyncio.gather(*waiting[1:])


def test_a_process_is_busy_when_it_computed_nearly_all_the_time_between_two_looks() -> None:
    times = {"now": 100.0, "spent": 7.0}
    load = Load(lambda: times["now"], lambda: times["spent"])

    def look(passed: float, spent: float) -> bool:
        times["now"] += passed
        times["spent"] += spent
        return load.is_busy()

    assert not look(LOOK, 0.5 * LOOK)
    assert look(LOOK, 0.95 * LOOK)
    assert look(0.5 * LOOK, 0.0)
    assert not look(0.5 * LOOK, 0.5 * LOOK)
