"""Many partitions are followed over one consumer: each reader gets its own, whole and in order."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from streams import tailing
from streams.log import LogWriter, OffsetGone
from streams.settings import Settings
from streams.tailing import PartitionTail, TailReader, TopicTail
from streams.topics import OUTCOMES
from tests.retention import remove_before

pytestmark = pytest.mark.integration

RECORDS = 400


@pytest.fixture
async def shared(settings: Settings) -> AsyncIterator[TopicTail]:
    shared = TopicTail(settings, OUTCOMES)
    yield shared
    await shared.stop()


class Counting(TopicTail):
    """How often somebody joined."""

    joins = 0

    async def join(self, partition: int, position: int) -> PartitionTail:
        self.joins += 1
        return await super().join(partition, position)


async def write(writer: LogWriter, partition: int, pace: random.Random, records: int = RECORDS) -> list[bytes]:
    values = [f"{partition}:{number}".encode() for number in range(records)]
    for value in values:
        await writer.enqueue(OUTCOMES, partition, value)
        if pace.random() < 0.1:
            await asyncio.sleep(pace.uniform(0, 0.01))
    return values


async def read_from(tail: PartitionTail, records: int) -> list[bytes | None]:
    values: list[bytes | None] = []
    async with asyncio.timeout(30):
        while len(values) < records:
            values += [record.value for record in await tail.read(1000, timeout=1.0)]
    return values


async def test_each_gets_its_partition_whole_and_in_order_while_others_come_and_go(
    settings: Settings, writer: LogWriter
) -> None:
    seed = random.randrange(2**31)
    print(f"seed {seed}")
    pace, shared = random.Random(seed), Counting(settings, OUTCOMES)

    async def read_some(partition: int, start: int, enough: int) -> list[bytes]:
        """With a new reader, which begins alone and joins the others once it has caught up."""
        reader, values = TailReader(settings, partition, shared), list[bytes]()
        await reader.start()
        reader.follow(start)
        async with asyncio.timeout(30):
            while len(values) < enough:
                values += [record.value or b"" for record in await reader.read()]
        await reader.stop()
        return values

    async def read_in_turns(partition: int) -> list[bytes]:
        values: list[bytes] = []
        while len(values) < RECORDS:
            enough = min(RECORDS - len(values), pace.randrange(1, RECORDS // 4))
            values += await read_some(partition, len(values), enough)
        return values

    partitions = range(settings.partitions)
    writing = [asyncio.create_task(write(writer, number, pace)) for number in partitions]
    read = await asyncio.gather(*(read_in_turns(number) for number in partitions))
    assert read == [await task for task in writing]
    assert shared.joins > settings.partitions
    await shared.stop()


async def test_who_comes_later_takes_over_and_the_formers_leaving_changes_nothing(
    writer: LogWriter, shared: TopicTail
) -> None:
    first, second = await shared.join(0, 0), await shared.join(0, 0)
    shared.leave(0, first)
    written = await write(writer, 0, random.Random(1), 20)
    assert await read_from(second, 20) == written
    assert await first.read(1000, timeout=0.1) == []


async def test_who_does_not_read_takes_bounded_memory_and_holds_nobody_up(
    writer: LogWriter, shared: TopicTail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tailing, "UNREAD", 50)
    idle, busy = await shared.join(0, 0), await shared.join(1, 0)
    for number in range(RECORDS):
        await writer.append(OUTCOMES, 0, str(number).encode())
    written = await write(writer, 1, random.Random(2))
    assert await read_from(busy, RECORDS) == written
    held = await idle.read(1000, timeout=0.0)
    assert 50 <= len(held) < 100
    assert len(await read_from(idle, RECORDS - len(held))) == RECORDS - len(held)


async def test_what_is_gone_is_told(settings: Settings, writer: LogWriter, shared: TopicTail) -> None:
    for number in range(5):
        await writer.append(OUTCOMES, 0, str(number).encode())
    await remove_before(settings, OUTCOMES, 3)
    tail = await shared.join(0, 0)
    with pytest.raises(OffsetGone, match="outcomes"):
        await tail.read(10, timeout=10)
    late = await shared.join(1, 0)
    with pytest.raises(OffsetGone):
        await late.read(10, timeout=10)
