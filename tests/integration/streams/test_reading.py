"""Readers on a real broker."""

import pytest

from streams.log import FETCH_BYTES, LogWriter, partition_reader
from streams.settings import Settings
from streams.topics import DEAD_LETTERS, MAX_MESSAGE_BYTES

pytestmark = pytest.mark.integration


async def test_a_record_larger_than_what_a_reader_asks_for_comes_whole(settings: Settings, writer: LogWriter) -> None:
    large = b"x" * (MAX_MESSAGE_BYTES - 65536)
    assert len(large) > FETCH_BYTES
    start = (await writer.append(DEAD_LETTERS, 0, b"before")).offset
    await writer.append(DEAD_LETTERS, 0, large)
    await writer.append(DEAD_LETTERS, 0, b"after")
    async with partition_reader(settings, DEAD_LETTERS, 0) as reader:
        found = [record.value async for record in reader.read_range(start, start + 3)]
    assert found == [b"before", large, b"after"]
