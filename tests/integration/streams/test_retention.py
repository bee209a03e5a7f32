"""A reader whose position retention has removed says so, and can go on at the start of what is left."""

import pytest

from streams.log import LogWriter, OffsetGone, partition_reader
from streams.settings import Settings
from streams.topics import EVENTS
from tests.retention import remove_before

pytestmark = pytest.mark.integration


async def test_what_is_gone_is_told_and_the_rest_is_read(settings: Settings, writer: LogWriter) -> None:
    for number in range(5):
        await writer.append(EVENTS, 0, str(number).encode())
    await remove_before(settings, EVENTS, 3)
    async with partition_reader(settings, EVENTS, 0) as reader:
        reader.seek(0)
        with pytest.raises(OffsetGone):
            while True:
                await reader.read()
        reader.seek(await reader.start_offset())
        assert [record.offset for record in await reader.read(timeout_ms=5000)] == [3, 4]
