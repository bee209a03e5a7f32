"""The small server for health and metrics that every process has."""

from __future__ import annotations

from aiohttp import web
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from schemas.errors import RelaylogError
from streams.health import Health
from streams.process_metrics import watch_process

__all__ = ["CannotListen", "Health", "add_ops_routes", "process_registry", "serve_app", "serve_ops"]


class CannotListen(RelaylogError):
    """The port is taken, or the address is none of this machine's."""


#: Requests under way get this long when the server stops.
SHUTDOWN_SECONDS = 5.0


def process_registry() -> CollectorRegistry:
    """A registry for the metrics of one process, with those of the process itself."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return registry


def add_ops_routes(app: web.Application, health: Health, registry: CollectorRegistry) -> None:
    """Add what every process serves: ``/livez`` (200, or 503 when stalled), ``/readyz`` (200, or 503 with the reasons)
    and ``/metrics``, with the figures of the process itself.
    """

    watch_process(app, health, registry)

    async def livez(_: web.Request) -> web.Response:
        return web.json_response(
            {"live": health.live(), "stalled": health.stalled}, status=200 if health.live() else 503
        )

    async def readyz(_: web.Request) -> web.Response:
        reasons = health.reasons
        return web.json_response({"ready": not reasons, "reasons": reasons}, status=503 if reasons else 200)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)


async def serve_app(app: web.Application, host: str, port: int) -> web.AppRunner:
    """Listen; port 0 takes a free one (``runner.addresses`` says which). Stop with ``await runner.cleanup()``.

    Raises CannotListen.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise CannotListen(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    return runner


async def serve_ops(host: str, port: int, health: Health, registry: CollectorRegistry) -> web.AppRunner:
    """A server with nothing but the health and metrics routes, for processes that have no other."""
    app = web.Application()
    add_ops_routes(app, health, registry)
    return await serve_app(app, host, port)
