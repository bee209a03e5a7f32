"""Both simulators on free ports beside a webhook receiver that checks signatures and answers as told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from simulators.config import SimulatedTenant, SimulatorsConfig
from simulators.serve import start_simulators
from tests.contract.simulators.world import QUICK, Receiver, Start, World, tenant_at


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    application = web.Application()
    application.router.add_post("/whatsapp", receiver.take_whatsapp)
    application.router.add_get("/whatsapp", receiver.shake)
    application.router.add_post("/genesys/{secret}", receiver.take_genesys)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield receiver
    await runner.cleanup()


@pytest.fixture
async def start(receiver: Receiver) -> AsyncIterator[Start]:
    worlds: list[World] = []

    async def begin(*tenants: SimulatedTenant, **behaviour: Any) -> World:
        known = tenants or (tenant_at(receiver.url),)
        running = await start_simulators(SimulatorsConfig(tenants=list(known)), 0, 0, **(QUICK | behaviour))
        world = World(running, receiver, aiohttp.ClientSession(), known[0])
        worlds.append(world)
        return world

    yield begin
    for world in worlds:
        await world.http.close()
        await world.running.stop()


@pytest.fixture
async def world(start: Start) -> World:
    return await start()
