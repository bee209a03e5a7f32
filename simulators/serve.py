"""Starts and stops both simulators in the running event loop."""

from __future__ import annotations

from dataclasses import dataclass

import aiohttp
from aiohttp import web

from simulators.background import Background
from simulators.config import Behaviour, SimulatorsConfig
from simulators.genesys.app import genesys_application
from simulators.tenants import Tenants
from simulators.whatsapp.app import whatsapp_application


@dataclass(frozen=True, slots=True)
class RunningSimulators:
    """Both simulators, listening; `genesys_url` serves tokens and API alike."""

    genesys_url: str
    whatsapp_url: str
    _runners: tuple[web.AppRunner, ...]
    _background: Background
    _session: aiohttp.ClientSession

    async def stop(self) -> None:
        """Stops listening and drops webhooks that are still to be posted."""
        for runner in self._runners:
            await runner.cleanup()
        await self._background.stop()
        await self._session.close()


async def start_simulators(
    config: SimulatorsConfig,
    genesys_port: int,
    whatsapp_port: int,
    host: str = "127.0.0.1",
    seed: int = 0,
    **timings: object,
) -> RunningSimulators:
    """Starts both; port 0 takes a free one. `timings` are fields of `Behaviour` and override those of the config.

    Raises pydantic.ValidationError that names a field which `Behaviour` has not, OSError when a port is taken.
    """
    behaviour = Behaviour.model_validate(config.behaviour.model_dump() | timings)
    tenants, background = Tenants(config.tenants), Background()
    # Webhooks wait for a slot of their sender, never for a connection: waiting must not count as a slow answer.
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
    genesys = web.AppRunner(
        genesys_application(tenants, behaviour, session, background), access_log=None, shutdown_timeout=1.0
    )
    whatsapp = web.AppRunner(
        whatsapp_application(tenants, behaviour, session, background, seed), access_log=None, shutdown_timeout=1.0
    )
    runners = (genesys, whatsapp)
    try:
        genesys_url = await _listen(genesys, host, genesys_port)
        whatsapp_url = await _listen(whatsapp, host, whatsapp_port)
    except OSError:
        for runner in runners:
            await runner.cleanup()
        await session.close()
        raise
    return RunningSimulators(genesys_url, whatsapp_url, runners, background, session)


async def _listen(runner: web.AppRunner, host: str, port: int) -> str:
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    address = runner.addresses[0]
    return f"http://{host}:{address[1]}"
