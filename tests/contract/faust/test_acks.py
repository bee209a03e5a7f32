"""What an exception does to an event: the reason why nothing may raise, or wait, in the loop of our agent.

When one of these tests fails, Faust has changed: read what it says now before the pinned version is raised.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import faust.streams
import pytest

from tests.contract.faust.support import Offline, eventually

#: How an agent may read a stream.
READINGS: dict[str, Callable[[Any], AsyncIterator[Any]]] = {
    "values": lambda stream: aiter(stream),
    "events": lambda stream: stream.events(),
    "batches": lambda stream: stream.take(3, within=60.0),
    "noack": lambda stream: stream.noack().events(),
}


class HandlerFails(Exception):
    """What a handler raises here."""


@pytest.fixture(params=["cython", "python"])
def group(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], Offline]:
    """Makes a group that stands at 10, under both implementations of a stream's loop: the one of the wheel and the one
    where there is no wheel."""
    if request.param == "python":
        monkeypatch.setattr(faust.streams, "_CStreamIterator", None)
    else:
        assert vars(faust.streams)["_CStreamIterator"] is not None
    return lambda: Offline(tmp_path, committed=10)


async def fail_at_the_first(items: AsyncIterator[Any]) -> None:
    """An agent whose handler raises."""
    async for _ in items:
        raise HandlerFails


async def failed(agent: asyncio.Task[None]) -> type[BaseException]:
    """How the agent ended; nothing keeps its stream, which then closes as that of an agent in a worker does."""
    (error,) = await asyncio.gather(agent, return_exceptions=True)
    assert error is not None
    return type(error)


async def acked(group: Offline, expected: list[int]) -> None:
    """Wait until exactly these offsets are acked: a stream acks its last event when it is collected."""

    def collected() -> bool:
        gc.collect()
        return group.acked == expected

    await eventually(collected)


@pytest.mark.parametrize("reading", ["values", "events"])
async def test_rule_an_exception_ends_the_process_because_faust_acks_what_raised(
    group: Callable[[], Offline], reading: str
) -> None:
    """Rule: `agents.app.attach` lets no exception out of the loop and ends the process. The event that raised is acked
    and passed by the next commit, so an agent that is started again never sees it."""
    offline = group()

    agent = asyncio.create_task(fail_at_the_first(READINGS[reading](await offline.stream(10, 11, 12))))

    assert await failed(agent) is HandlerFails
    del agent
    await acked(offline, [10])
    assert await offline.commit() == 11


async def test_rule_admission_awaits_nothing_because_faust_acks_what_was_cancelled(
    group: Callable[[], Offline],
) -> None:
    """Rule: `Sender.admit` is a plain call, so no event is in a handler that can be cancelled, by a stop or a
    rebalance: such an event is acked as well."""
    offline = group()
    taken = asyncio.Event()

    async def wait_at_the_first(items: AsyncIterator[Any]) -> None:
        async for _ in items:
            taken.set()
            await asyncio.Event().wait()

    agent = asyncio.create_task(wait_at_the_first((await offline.stream(10, 11, 12)).events()))
    await taken.wait()
    agent.cancel()

    assert await failed(agent) is asyncio.CancelledError
    del agent
    await acked(offline, [10])


async def test_rule_the_guard_is_our_own_because_the_settings_for_it_do_nothing(group: Callable[[], Offline]) -> None:
    """Rule: as both above; ``stream_ack_exceptions`` and ``stream_ack_cancelled_tasks`` exist and change nothing."""
    offline = group()
    offline.app.conf.stream_ack_exceptions = False
    offline.app.conf.stream_ack_cancelled_tasks = False

    agent = asyncio.create_task(fail_at_the_first(READINGS["events"](await offline.stream(10, 11, 12))))

    assert await failed(agent) is HandlerFails
    del agent
    await acked(offline, [10])


async def test_rule_one_event_at_a_time_because_take_acks_a_whole_batch_that_raised(
    group: Callable[[], Offline],
) -> None:
    """Rule: the live path admits event by event; batches are for readers of our own."""
    offline = group()

    agent = asyncio.create_task(fail_at_the_first(READINGS["batches"](await offline.stream(10, 11, 12))))

    assert await failed(agent) is HandlerFails
    del agent
    await acked(offline, [10, 11, 12])


async def test_rule_ack_on_admission_because_noack_only_moves_the_loss_to_the_commit(
    group: Callable[[], Offline],
) -> None:
    """Rule: the sender does not keep its place by withholding acks. ``noack()`` does leave the event that raised
    unacked, and the commit passes it all the same once the next one is done."""
    offline = group()

    agent = asyncio.create_task(fail_at_the_first(READINGS["noack"](await offline.stream(10))))

    assert await failed(agent) is HandlerFails
    del agent
    await acked(offline, [])
    offline.consumer.ack(offline.deliver(11))
    assert await offline.commit() == 12
