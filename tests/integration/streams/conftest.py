"""A provisioned log and a running gateway, each of one test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from relaylog.embedded.kafka import EmbeddedKafka
from relaylog.embedded.ports import free_ports
from schemas.tenant import Tenant
from streams.gateway.service import build_gateway
from streams.http import serve_app
from streams.log import LogWriter
from streams.provisioning import provision
from streams.registration import register_tenant
from streams.settings import Settings
from tests.integration.streams.support import NOW, Gateway, eventually
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


async def started_gateway(stack: AsyncExitStack, settings: Settings, *, ready: bool = True) -> Gateway:
    """Start a gateway on a free port; it is stopped with ``stack``."""
    session = await stack.enter_async_context(aiohttp.ClientSession())
    registry = CollectorRegistry()
    parts = build_gateway(settings, registry, session, clock=lambda: NOW)
    runner = await serve_app(parts.app, "127.0.0.1", 0)
    stack.push_async_callback(parts.stop)
    stack.push_async_callback(runner.cleanup)
    running = asyncio.create_task(parts.run())

    async def cancel() -> None:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    stack.push_async_callback(cancel)
    gateway = Gateway(f"http://127.0.0.1:{runner.addresses[0][1]}", session, settings, registry)
    if ready:
        await eventually(lambda: gateway.status("/readyz"), 200)
    return gateway


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
