"""Figures that every process has: is it live, is it ready, does its event loop get its turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge, Histogram

from streams.health import Health

#: Seconds between two looks at the loop.
PACE = 1.0


def watch_process(app: web.Application, health: Health, registry: CollectorRegistry) -> None:
    """Add the figures to ``registry``, and a ticker that runs as long as ``app`` is served."""
    live = Gauge("relaylog_live", "1 unless work lies there and nothing is done (as /livez)", registry=registry)
    live.set_function(lambda: float(health.live()))
    ready = Gauge("relaylog_ready", "1 while the process can serve (as /readyz)", registry=registry)
    ready.set_function(lambda: float(health.ready))
    lag = Histogram(
        "relaylog_loop_lag_seconds",
        "How late the event loop wakes a task that slept for a second",
        buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15),
        registry=registry,
    )

    async def ticking(_: web.Application) -> AsyncIterator[None]:
        ticker = asyncio.create_task(_tick(lag.observe))
        yield
        ticker.cancel()

    app.cleanup_ctx.append(ticking)


async def _tick(observe: Callable[[float], None]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + PACE
        await asyncio.sleep(PACE)
        observe(max(0.0, loop.time() - due))
