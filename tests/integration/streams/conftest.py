"""A provisioned log and a running gateway, each of one test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from relaylog.embedded.kafka import EmbeddedKafka
from relaylog.embedded.ports import free_ports
from schemas.tenant import Tenant
from streams.log import LogWriter
from streams.provisioning import provision
from streams.registration import register_tenant
from streams.settings import Settings
from tests.integration.streams.support import Gateway, eventually, started_gateway
from tests.unit.streams.samples import make_settings, sample_draft


@pytest.fixture
async def settings(kafka_address: str, topic_prefix: str) -> Settings:
    """Settings of a system whose topics are provisioned."""
    settings = make_settings(kafka=kafka_address, topic_prefix=topic_prefix)
    await provision(settings)
    return settings


@pytest.fixture
async def writer(settings: Settings) -> AsyncIterator[LogWriter]:
    writer = LogWriter(settings)
    await writer.start()
    yield writer
    await writer.stop()


@pytest.fixture
async def tenants(settings: Settings, writer: LogWriter) -> dict[str, Tenant]:
    """acme and globex share the app `main`; initech has its own."""
    drafts = [sample_draft("acme"), sample_draft("globex"), sample_draft("initech", app="other")]
    return {draft.id: await register_tenant(settings, writer, draft) for draft in drafts}


@pytest.fixture
async def gateway(settings: Settings, tenants: dict[str, Tenant]) -> AsyncIterator[Gateway]:
    """A gateway that is ready."""
    async with AsyncExitStack() as stack:
        yield await started_gateway(stack, settings)


@pytest.fixture
async def own_kafka(tmp_path: Path) -> AsyncIterator[tuple[str, int]]:
    """Address and process id of a broker that the test may stop."""
    server = EmbeddedKafka(tmp_path, *free_ports(2))
    await asyncio.to_thread(server.prepare, print)
    command = server.command()
    with (tmp_path / "kafka.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command.launched(), cwd=command.cwd, env=dict(command.env), stdout=log, stderr=log
        )
    try:
        await eventually(server.ready, True)
        yield server.address, process.pid
    finally:
        process.kill()
        await process.wait()
