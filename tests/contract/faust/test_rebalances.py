"""In which order Faust tells of a rebalance, on a real broker: where a sender may take over."""

import asyncio
from typing import Any

import pytest

from agents.app import FaustApp
from streams.log import LogWriter, partition_reader
from streams.settings import Settings
from streams.topics import EVENTS, OUTCOMES, topic_name
from tests.contract.faust.broker import NotingSender, running, sending
from tests.contract.faust.support import eventually

pytestmark = pytest.mark.integration

PARTITIONS = frozenset({0, 1, 2})


async def fill(writer: LogWriter, count: int) -> None:
    """That many events in each partition."""
    for partition in PARTITIONS:
        for _ in range(count):
            await writer.append(EVENTS, partition, b"{}")


def agent_noting(faust_app: FaustApp, settings: Settings, calls: list[str], arrived: asyncio.Event) -> None:
    """An agent that notes each event and tells of the first."""
    events = faust_app.app.topic(topic_name(settings, EVENTS), key_serializer="raw", value_serializer="raw")

    async def agent(stream: Any) -> None:
        async for _ in stream.events():
            calls.append("event")
            arrived.set()

    faust_app.app.agent(events, name="noting")(agent)


async def test_rule_the_sender_learns_its_partitions_before_their_first_event(
    settings: Settings, writer: LogWriter
) -> None:
    """Rule: `agents.app` calls `Sender.assign` in ``on_rebalance_complete``, so every event that is admitted belongs to
    a partition that the sender has begun to take over. Nothing in the changelog holds the start up either: it is
    empty."""
    await fill(writer, 5)
    sender = NotingSender()

    async with sending(settings, sender):
        await eventually(lambda: len(sender.admitted) == 15)

    assert sender.calls[0] == ("assign", PARTITIONS)


async def test_rule_the_sender_learns_of_a_second_worker_before_it_gets_events_again(
    settings: Settings, writer: LogWriter
) -> None:
    """Rule: as above at every later rebalance, on both sides. Events may come twice (the first worker's last commit is
    up to a second old), none is missing: copies are recognised by their offset."""
    first, second = NotingSender(), NotingSender()

    async with sending(settings, first):
        await fill(writer, 5)
        await eventually(lambda: len(first.admitted) == 15)
        async with sending(settings, second):
            await eventually(lambda: bool(second.assigned) and first.assigned | second.assigned == PARTITIONS)
            await eventually(lambda: not first.assigned & second.assigned)
            await fill(writer, 5)
            expected = {(partition, offset) for partition in PARTITIONS for offset in range(10)}
            await eventually(lambda: admitted(first) | admitted(second) >= expected)

    for sender in (first, second):
        assert events_of_others(sender) == []


def admitted(sender: NotingSender) -> set[tuple[int, int]]:
    """Where in the log the events are that were admitted."""
    return {(record.partition, record.offset) for record in sender.admitted}


def events_of_others(sender: NotingSender) -> list[tuple[int, int]]:
    """Events that were admitted while their partition was not assigned."""
    assigned: frozenset[int] = frozenset()
    found = []
    for name, value in sender.calls:
        if name == "assign":
            assigned = value
        elif value.partition not in assigned:
            found.append((value.partition, value.offset))
    return found


async def test_rule_take_over_in_on_rebalance_complete_because_faust_waits_for_it(
    settings: Settings, writer: LogWriter
) -> None:
    """Rule: whatever has to be known before the first event may be read there; Faust fetches nothing until the handler
    is done. The handler here does what a takeover does: it appends a claim and reads it back."""
    await fill(writer, 1)
    calls: list[str] = []
    arrived = asyncio.Event()

    def connect(faust_app: FaustApp) -> None:
        agent_noting(faust_app, settings, calls, arrived)

        async def take_over(*_: Any, **__: Any) -> None:
            calls.append("begin")
            claim = await writer.append(OUTCOMES, 0, b"claim")
            async with partition_reader(settings, OUTCOMES, 0) as reader:
                assert [r.value async for r in reader.read_range(claim.offset, claim.offset + 1)] == [b"claim"]
            calls.append("end")

        faust_app.app.on_rebalance_complete.connect(take_over, weak=False)

    async with running(settings, connect):
        await eventually(lambda: calls.count("event") == 3)

    begun = calls.index("event")
    assert begun > 0
    assert calls[:begun] == ["begin", "end"] * (begun // 2)


async def test_rule_never_take_over_in_on_partitions_assigned_because_events_overtake_it(
    settings: Settings, writer: LogWriter
) -> None:
    """Rule: as above. That handler runs beside the stream: here it ends only after an event has come, and one does."""
    await fill(writer, 1)
    calls: list[str] = []
    arrived = asyncio.Event()

    def connect(faust_app: FaustApp) -> None:
        agent_noting(faust_app, settings, calls, arrived)

        async def take_over(*_: Any, **__: Any) -> None:
            async with asyncio.timeout(60):
                await arrived.wait()
            calls.append("end")

        faust_app.app.on_partitions_assigned.connect(take_over, weak=False)

    async with running(settings, connect):
        await eventually(lambda: "end" in calls)

    assert calls[0] == "event"
