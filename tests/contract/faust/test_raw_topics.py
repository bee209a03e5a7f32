"""What an agent gets from a topic of raw bytes, on a real broker, and what it would lose from any other."""

import time
from typing import Any, cast

import pytest
from faust.types import TP

from agents.app import FaustApp
from streams.log import LogWriter
from streams.settings import Settings
from streams.topics import EVENTS, topic_name
from tests.contract.faust.broker import NotingSender, running, sending
from tests.contract.faust.support import eventually

pytestmark = pytest.mark.integration

NOT_JSON = b"\xff\x00 not JSON"


async def test_rule_topics_are_raw_because_then_nothing_is_lost_or_changed(
    settings: Settings, writer: LogWriter
) -> None:
    """Rule: our codec decodes inside the guarded loop, from exactly what was appended: any bytes, a tombstone, no key,
    a header that comes twice."""
    twice = [("type", b"a"), ("type", b"\xff")]
    await writer.append(EVENTS, 1, NOT_JSON, key=b"\xfe", headers=twice)
    await writer.append(EVENTS, 1, None, key=b"acme")
    await writer.append(EVENTS, 1, b"")
    sender = NotingSender()

    async with sending(settings, sender):
        await eventually(lambda: len(sender.admitted) == 3)

    assert [(r.partition, r.offset, r.key, r.value, r.headers) for r in sender.admitted] == [
        (1, 0, b"\xfe", NOT_JSON, twice),
        (1, 1, b"acme", None, []),
        (1, 2, None, b"", []),
    ]


async def test_rule_the_log_has_the_brokers_clock_and_faust_hands_it_on(settings: Settings, writer: LogWriter) -> None:
    """Rule: takeover and checkpoint compare times of one clock, the broker's; `agents.app` turns Faust's seconds back
    into the very milliseconds of the append."""
    before = time.time_ns() // 1_000_000 - 1
    appended = await writer.append(EVENTS, 0, b"{}")
    sender = NotingSender()

    async with sending(settings, sender):
        await eventually(lambda: len(sender.admitted) == 1)

    assert sender.admitted[0].timestamp == appended.timestamp > before


async def test_rule_topics_are_raw_because_a_typed_one_loses_what_it_cannot_decode(
    settings: Settings, writer: LogWriter
) -> None:
    """Rule: as above. Of a JSON topic the agent never sees the bytes that are not JSON, is told nothing, and the
    commit passes them; our dead letters need them."""
    await writer.append(EVENTS, 0, NOT_JSON)
    await writer.append(EVENTS, 0, b'"after"')
    seen: list[Any] = []

    def connect(faust_app: FaustApp) -> None:
        typed = faust_app.app.topic(topic_name(settings, EVENTS), key_serializer="raw", value_serializer="json")

        async def agent(stream: Any) -> None:
            async for event in stream.events():
                seen.append((event.message.offset, event.value))

        faust_app.app.agent(typed, name="typed")(agent)

    async with running(settings, connect) as faust_app:
        await eventually(lambda: bool(seen))
        committed = cast(Any, faust_app.app.consumer)._committed_offset
        await eventually(lambda: 2 in committed.values())

    assert seen == [(1, "after")]


async def test_rule_a_failed_admission_ends_the_process_because_faust_would_go_on(
    settings: Settings, writer: LogWriter
) -> None:
    """Rule: `agents.app.attach` reports the first failure and admits nothing after it, also of other partitions: what
    follows belongs to the process that is started next."""
    for partition in range(3):
        for _ in range(3):
            await writer.append(EVENTS, partition, b"{}")
    sender = NotingSender(refuses=lambda record: record.offset == 1)

    async with sending(settings, sender) as faust_app:
        await eventually(lambda: bool(sender.failures))
        admitted = len(sender.admitted)
        later = await writer.append(EVENTS, 0, b"{}")
        fetched = cast(Any, faust_app.app.consumer)._read_offset
        await eventually(lambda: fetched[TP(topic_name(settings, EVENTS), 0)] == later.offset)

    assert len(sender.failures) == 1
    assert len(sender.admitted) == admitted
    assert sender.admitted[-1].offset == 1
