"""A way to Postgres that is cut at a COMMIT: before it arrives there, or before its answer returns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Literal
from urllib.parse import urlsplit

Moment = Literal["before", "after"]
_COMMIT = b"COMMIT\x00"


class Cut:
    """Passes on what client and server say. Each armed cut ends one connection at its next COMMIT."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._armed: list[Moment] = []
        #: Cuts made so far.
        self.made = 0

    def arm(self, moment: Moment) -> None:
        """``before``: the server never hears of the COMMIT; ``after``: it commits, and nobody is told."""
        self._armed.append(moment)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client."""
        there, back = await asyncio.open_connection(*self._server)
        answers = asyncio.create_task(_pass_on(there, writer))
        try:
            while data := await reader.read(65536):
                if self._armed and _COMMIT in data:
                    await self._cut(self._armed.pop(0), data, back, answers, there)
                    return
                back.write(data)
                await back.drain()
        except OSError:
            return
        finally:
            answers.cancel()
            for end in (writer, back):
                end.close()

    async def _cut(
        self,
        moment: Moment,
        data: bytes,
        back: asyncio.StreamWriter,
        answers: asyncio.Task[None],
        there: asyncio.StreamReader,
    ) -> None:
        answers.cancel()
        with suppress(asyncio.CancelledError):
            await answers
        if moment == "after":
            back.write(data)
            await back.drain()
            assert b"COMMIT" in await there.read(65536)
        self.made += 1


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def cuttable(address: str) -> AsyncIterator[tuple[str, Cut]]:
    """The address through which Postgres is reached, and the cut in it."""
    parts = urlsplit(address)
    assert parts.hostname and parts.port
    cut = Cut(parts.hostname, parts.port)
    server = await asyncio.start_server(cut.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield address.replace(f":{parts.port}/", f":{port}/"), cut
    finally:
        server.close()
