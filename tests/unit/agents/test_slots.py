"""Slots: bounded, shared in turns, and never all with those who do not answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from agents.slots import PATIENCE, Slots, Standing

TOTAL = 16


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def spawn() -> AsyncIterator[Callable[[Slots, Standing, int], list[asyncio.Task[None]]]]:
    """Starts tasks that hold a slot until they are cancelled."""
    started: list[asyncio.Task[None]] = []

    async def hold(slots: Slots, standing: Standing) -> None:
        async with slots.slot(standing):
            with standing.call():
                await asyncio.Event().wait()

    def start(slots: Slots, standing: Standing, count: int) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(hold(slots, standing)) for _ in range(count)]
        started.extend(tasks)
        return tasks

    yield start
    for task in started:
        task.cancel()
    await asyncio.gather(*started, return_exceptions=True)


@asynccontextmanager
async def held(slots: Slots, standing: Standing, count: int) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for _ in range(count):
            await stack.enter_async_context(slots.slot(standing))
        yield


def trusted(clock: Clock) -> Standing:
    standing = Standing(clock)
    standing.ended(answered=True)
    return standing


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


Spawn = Callable[[Slots, Standing, int], list[asyncio.Task[None]]]


async def test_who_has_answered_nothing_yet_holds_few_and_who_answers_half(clock: Clock, spawn: Spawn) -> None:
    slots, unknown, known = Slots(TOTAL), Standing(clock), trusted(clock)
    spawn(slots, unknown, TOTAL)
    spawn(slots, known, TOTAL)
    await settle()
    assert unknown.held == TOTAL // 16
    assert known.held == TOTAL // 2


async def test_who_falls_silent_takes_no_more(clock: Clock, spawn: Spawn) -> None:
    slots, fallen = Slots(TOTAL), trusted(clock)
    spawn(slots, fallen, 3)
    await settle()
    clock.now += PATIENCE
    assert not fallen.trusted
    spawn(slots, fallen, TOTAL)
    await settle()
    assert fallen.held == 3


async def test_the_silent_together_leave_half_to_the_others(clock: Clock, spawn: Spawn) -> None:
    slots, silent = Slots(TOTAL), [Standing(clock) for _ in range(3 * TOTAL)]
    for one in silent:
        spawn(slots, one, 4)
    await settle()
    assert sum(one.held for one in silent) == TOTAL // 2
    async with asyncio.timeout(1.0), held(slots, trusted(clock), TOTAL // 2):
        assert sum(one.held for one in silent) == TOTAL // 2


async def test_never_more_than_all_are_held_and_those_who_wait_take_turns(clock: Clock, spawn: Spawn) -> None:
    slots, everybody = Slots(TOTAL), [trusted(clock) for _ in range(5)]
    tasks = [spawn(slots, one, TOTAL) for one in everybody]
    await settle()
    assert sum(one.held for one in everybody) == TOTAL
    for task in tasks[0][:4]:
        task.cancel()
    await settle()
    assert sum(one.held for one in everybody) == TOTAL
    assert [one.held for one in everybody] == [5, 8, 1, 1, 1]


async def test_what_is_given_back_or_given_up_goes_to_the_next(clock: Clock, spawn: Spawn) -> None:
    slots, one, other = Slots(2), trusted(clock), trusted(clock)
    (first, waiting), (second,) = spawn(slots, one, 2), spawn(slots, other, 1)
    await settle()
    assert (one.held, other.held) == (1, 1)
    second.cancel()
    await settle()
    waiting.cancel()
    first.cancel()
    await settle()
    assert (one.held, other.held) == (0, 0)
    async with asyncio.timeout(1.0), held(slots, one, 1), held(slots, other, 1):
        pass


async def test_one_that_is_given_a_slot_and_cancelled_in_the_same_step_gives_it_back(
    clock: Clock, spawn: Spawn
) -> None:
    slots, one = Slots(1), trusted(clock)
    (first, waiting) = spawn(slots, one, 2)
    await settle()
    first.cancel()
    await asyncio.sleep(0)
    waiting.cancel()
    await settle()
    assert one.held == 0
    async with asyncio.timeout(1.0), held(slots, one, 1):
        pass


async def test_an_answer_makes_room_for_all_who_wait(clock: Clock, spawn: Spawn) -> None:
    slots, one = Slots(TOTAL), Standing(clock)
    first = spawn(slots, one, TOTAL)
    await settle()
    one.ended(answered=True)
    first[0].cancel()
    await settle()
    assert one.held == TOTAL // 2
