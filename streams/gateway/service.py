"""The composition root of the process `gateway`."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from prometheus_client import CollectorRegistry

from streams.backoff import patiently
from streams.directory import TenantDirectory
from streams.gateway.appender import Appender
from streams.gateway.bodies import Bodies
from streams.gateway.intake import IntakeConsumer
from streams.gateway.media import MediaRoute
from streams.gateway.metrics import GatewayMetrics
from streams.gateway.webhooks import Webhooks, now
from streams.health import Health, Progress
from streams.http import add_ops_routes, process_registry, serve_app
from streams.log import LogWriter
from streams.problems import problem_middleware
from streams.settings import Settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Gateway:
    """The parts of a gateway; `run` starts them in the order in which they need each other."""

    app: web.Application
    writer: LogWriter
    directory: TenantDirectory
    appender: Appender
    intake: IntakeConsumer
    health: Health

    async def run(self) -> None:
        """Open the log, read the tenants, then consume `intake` until cancelled; waits for a broker that is away."""
        await patiently(self.writer.start)
        await patiently(self.directory.start)
        self.health.serves("tenants")
        logger.info("the gateway is ready, %d tenants are registered", len(self.directory.tenants))
        await self.intake.run()

    async def stop(self) -> None:
        """Release what `run` opened."""
        await self.appender.stop()
        await self.directory.stop()
        await self.writer.stop()


def build_gateway(
    settings: Settings, registry: CollectorRegistry, session: aiohttp.ClientSession, clock: Callable[[], str] = now
) -> Gateway:
    """Wire the parts; nothing is connected yet. ``clock`` gives canonical times."""
    metrics = GatewayMetrics(registry)
    writer = LogWriter(settings)
    directory = TenantDirectory(settings, registry)
    appender = Appender(writer, settings.append_timeout, metrics)
    progress = Progress()
    health = Health("tenants")
    health.check("log", appender.trouble)
    health.watch("intake", progress)

    app = web.Application(middlewares=[metrics.middleware, problem_middleware])
    Webhooks(directory, appender, Bodies(settings, metrics), clock).add_routes(app.router)
    MediaRoute(settings, directory, session, metrics).add_routes(app.router)
    add_ops_routes(app, health, registry)
    intake = IntakeConsumer(settings, directory, appender, progress, clock)
    return Gateway(app, writer, directory, appender, intake, health)


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Run the gateway until ``stop`` is set: then requests under way are answered, and the log is closed last."""
    async with aiohttp.ClientSession() as session:
        gateway = build_gateway(settings, process_registry(), session)
        _collect_seldom()
        runner = await serve_app(gateway.app, settings.host, settings.gateway_port)
        running = asyncio.create_task(gateway.run(), name="gateway")
        stopping = asyncio.create_task(stop.wait(), name="stop signal")
        try:
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await runner.cleanup()
            stopping.cancel()
            running.cancel()
            # A part that failed by itself ends the process with its error.
            (failure,) = await asyncio.gather(running, return_exceptions=True)
            await gateway.stop()
        if isinstance(failure, Exception):
            raise failure


def _collect_seldom() -> None:
    """Have the garbage collector leave alone what stays for ever, and look less often at what webhooks leave behind.

    That is freed as soon as nobody refers to it. With Python's own thresholds the collector takes a tenth of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
