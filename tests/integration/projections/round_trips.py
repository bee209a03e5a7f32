"""A proxy in front of a server that counts how often a client waits for an answer before it speaks again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit, urlunsplit


class Counted:
    """Round trips of all connections together: turns from the server's word to the client's."""

    def __init__(self, address: str) -> None:
        #: Of the proxy, in the form of the server's.
        self.address = address
        self.round_trips = 0


@asynccontextmanager
async def counting(address: str) -> AsyncIterator[Counted]:
    """Count between here and the server at ``address`` (a URL with host and port)."""
    parts = urlsplit(address)
    pumps: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, downstream = await asyncio.open_connection(parts.hostname, parts.port)
        listens = [False]

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, of_client: bool) -> None:
            while data := await source.read(65536):
                if of_client and not listens[0]:
                    counted.round_trips += 1
                listens[0] = of_client
                sink.write(data)
            sink.close()

        for source, sink, of_client in ((reader, downstream, True), (upstream, writer, False)):
            pumps.add(asyncio.create_task(pump(source, sink, of_client)))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    user = parts.netloc.rpartition("@")[0]
    netloc = f"{user}@127.0.0.1:{port}" if user else f"127.0.0.1:{port}"
    counted = Counted(urlunsplit((parts.scheme, netloc, parts.path, parts.query, parts.fragment)))
    try:
        yield counted
    finally:
        server.close()
        for task in pumps:
            task.cancel()
            with suppress(asyncio.CancelledError, ConnectionError):
                await task
