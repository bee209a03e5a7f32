"""The gateway as a process runs it, from its composition root."""

import asyncio

import aiohttp
import pytest

from relaylog.embedded.ports import free_ports
from schemas.tenant import Tenant
from streams.gateway import serve
from streams.http import CannotListen
from streams.settings import Settings
from tests.integration.streams.support import change, eventually, hex_signed, message, read_log, update

pytestmark = pytest.mark.integration


async def status(session: aiohttp.ClientSession, url: str) -> int:
    try:
        async with session.get(url) as response:
            return response.status
    except aiohttp.ClientConnectionError:
        return 0


async def test_it_serves_until_it_is_told_to_stop(settings: Settings, tenants: dict[str, Tenant]) -> None:
    acme, (port,) = tenants["acme"], free_ports(1)
    stop = asyncio.Event()
    running = asyncio.create_task(serve(settings.model_copy(update={"gateway_port": port}), stop))
    url = f"http://127.0.0.1:{port}"
    async with aiohttp.ClientSession() as session:
        await eventually(lambda: status(session, f"{url}/readyz"), 200)
        body, headers = hex_signed(update(acme, change(acme, message("hello"))), "app-secret-of-main")
        async with session.post(f"{url}/webhooks/whatsapp/main", data=body, headers=headers) as response:
            assert response.status == 200
        async with session.get(f"{url}/metrics") as response:
            assert "process_cpu_seconds_total" in await response.text()
        stop.set()
        async with asyncio.timeout(30):
            await running
        assert await status(session, f"{url}/livez") == 0
    assert len(await read_log(settings, "events")) == 1


async def test_it_stops_while_it_still_waits_for_a_broker(settings: Settings) -> None:
    (port,) = free_ports(1)
    stop = asyncio.Event()
    away = settings.model_copy(update={"gateway_port": port, "kafka": "127.0.0.1:1"})
    running = asyncio.create_task(serve(away, stop))
    async with aiohttp.ClientSession() as session:
        await eventually(lambda: status(session, f"http://127.0.0.1:{port}/readyz"), 503)
    stop.set()
    async with asyncio.timeout(30):
        await running


async def test_a_port_that_is_taken_is_named(settings: Settings) -> None:
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(CannotListen, match=str(port)):
            await serve(settings.model_copy(update={"gateway_port": port}), asyncio.Event())
