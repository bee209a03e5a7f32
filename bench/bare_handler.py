"""What the gateway is measured against: an aiohttp handler that checks the signature, appends the body, and answers."""

from __future__ import annotations

import asyncio
import hmac
import sys

from aiohttp import web

from relaylog.run import run
from streams.gateway.signatures import HEADER, hex_signature
from streams.http import serve_app
from streams.log import LogWriter
from streams.settings import Settings
from streams.topics import EVENTS

ROUTE = "/webhooks/whatsapp/{app}"


async def serve(settings: Settings, stop: asyncio.Event, *, secret: bytes, partition: int) -> None:
    """Answer on ``gateway_port`` until ``stop`` is set; one awaited append a request, by the gateway's own producer."""
    writer = LogWriter(settings)

    async def append(request: web.Request) -> web.Response:
        body = await request.read()
        if not hmac.compare_digest(request.headers[HEADER], hex_signature(secret, body)):
            return web.Response(status=401)
        await writer.append(EVENTS, partition, body)
        return web.Response(body=b'{"accepted":1}', content_type="application/json")

    async def ready(_: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_post(ROUTE, append)
    app.router.add_get("/readyz", ready)
    await writer.start()
    runner = await serve_app(app, settings.host, settings.gateway_port)
    try:
        await stop.wait()
    finally:
        await runner.cleanup()
        await writer.stop()


def main() -> None:
    """``python -m bench.bare_handler SECRET PARTITION``, settings from the environment."""
    secret, partition = sys.argv[1].encode(), int(sys.argv[2])
    run(lambda settings, stop: serve(settings, stop, secret=secret, partition=partition))


if __name__ == "__main__":
    main()
