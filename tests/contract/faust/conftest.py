"""A provisioned log, and a writer to it, of one test."""

from collections.abc import AsyncIterator

import pytest

from streams.log import LogWriter
from streams.provisioning import provision
from streams.settings import Settings
from tests.unit.streams.samples import make_settings


@pytest.fixture
async def settings(kafka_address: str, topic_prefix: str) -> Settings:
    """Three partitions, and the shortest session that a broker allows."""
    settings = make_settings(kafka=kafka_address, topic_prefix=topic_prefix, session_timeout=6.0)
    await provision(settings)
    return settings


@pytest.fixture
async def writer(settings: Settings) -> AsyncIterator[LogWriter]:
    writer = LogWriter(settings)
    await writer.start()
    yield writer
    await writer.stop()
