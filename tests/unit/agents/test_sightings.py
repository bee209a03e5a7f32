"""How long the next message of a thread waits for the one before, on the virtual clock."""

from __future__ import annotations

import asyncio

from agents.sightings import Sightings
from schemas.envelope import Envelope, envelope
from schemas.events import StatusData, StatusPersonal
from tests.simulation.clock import run_virtually

THREAD = ("acme", "thread")
TIME = "2026-01-01T00:00:00.000Z"


def status(kind: str, part: int = 1) -> Envelope:
    data = StatusData(channel="1", message="m", part=part, personal=StatusPersonal(whatsapp_id="wamid"))
    return envelope(id="s", type=kind, source="t", time=TIME, recordedtime=TIME, causationid="m", data=data)


async def waited(shown_after: float | None, kind: str = "status.delivered") -> float:
    """Seconds that a message waits whose former was accepted now, and looked for long before."""
    loop = asyncio.get_running_loop()
    sightings = Sightings(loop.time)
    sightings.watch(("m", 1), 40.0)
    await asyncio.sleep(1.0)
    sightings.sent(THREAD, ("m", 1), 3.0)
    if shown_after is not None:
        loop.call_later(shown_after, sightings.note, status(kind))
    began = loop.time()
    await sightings.until_former_is_shown(THREAD)
    return loop.time() - began


def test_it_waits_until_the_one_before_was_shown() -> None:
    assert run_virtually(waited(0.5)) == 0.5


def test_it_waits_no_longer_than_the_order_wait_though_statuses_are_looked_for_longer() -> None:
    assert run_virtually(waited(None)) == 3.0
    assert run_virtually(waited(0.5, "status.sent")) == 3.0


def test_every_thread_waits_however_many_there_are() -> None:
    async def course() -> float:
        loop = asyncio.get_running_loop()
        sightings = Sightings(loop.time)
        for number in range(1000):
            sightings.sent(("acme", str(number)), (str(number), 1), 3.0)
        await sightings.until_former_is_shown(("acme", "0"))
        return loop.time()

    assert run_virtually(course()) == 3.0


def test_a_call_without_an_answer_is_found_by_any_status_of_it() -> None:
    async def course() -> tuple[str | None, str | None]:
        sightings = Sightings(asyncio.get_running_loop().time)
        sightings.watch(("m", 1), 40.0)
        sightings.watch(("m", 2), 5.0)
        sightings.note(status("status.sent"))
        return await sightings.find(("m", 1)), await sightings.find(("m", 2))

    assert run_virtually(course()) == ("wamid", None)


def test_what_a_former_owner_sent_is_waited_for_until_something_of_ones_own_was_sent() -> None:
    async def course() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        sightings = Sightings(loop.time)
        sightings.former_owner_sent(THREAD, ("former", 1), 1.0)
        sightings.former_owner_sent(THREAD, ("former", 2), 2.0)
        await sightings.until_former_is_shown(THREAD)
        after_former = loop.time()
        sightings.sent(THREAD, ("own", 1), 3.0)
        # The result of a call of long ago.
        sightings.former_owner_sent(THREAD, ("former", 1), 1.0)
        await sightings.until_former_is_shown(THREAD)
        return after_former, loop.time() - after_former

    assert run_virtually(course()) == (2.0, 3.0)
