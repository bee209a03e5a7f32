"""``python -m bench.remote_stub PORT SECONDS``: answers as Genesys does, after so many seconds, and keeps books."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import Counter

_TOKEN = b'{"access_token":"stub","token_type":"bearer","expires_in":86400}'
_TAKEN = b'{"id":"0123456789abcdef0123456789abcdef"}'
_DOWN = b'{"code":"service.unavailable","message":"down for the bench","status":503}'
_MESSAGE_ID = re.compile(rb'"messageId":"([^"]*)"')


class Stub:
    """Counts calls that it took by integration, and notes when each message arrived.

    ``PUT /down/ID`` lets it answer an integration with 503, ``PUT /silent/ID`` not at all, ``PUT /up/ID`` ends both.
    ``GET /arrivals`` gives [message id, Unix seconds] of what was taken since the last such question.
    """

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.taken: Counter[str] = Counter()
        self._states: dict[str, str] = {}
        self._arrivals: list[tuple[str, float]] = []

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes] | None:
        """Status and body for a request; None for silence."""
        parts = path.strip("/").split("/")
        match method, parts[0]:
            case "GET", "counts":
                return 200, json.dumps(self.taken).encode()
            case "GET", "arrivals":
                arrivals, self._arrivals = self._arrivals, []
                return 200, json.dumps(arrivals).encode()
            case "PUT", state:
                self._states[parts[1]] = state
                return 200, b"{}"
        if "token" in parts:
            return 200, _TOKEN
        return self._take(next((part for part in parts if part.startswith("integration-")), ""), body)

    def _take(self, integration: str, body: bytes) -> tuple[int, bytes] | None:
        match self._states.get(integration):
            case "down":
                return 503, _DOWN
            case "silent":
                return None
        self.taken[integration] += 1
        if found := _MESSAGE_ID.search(body):
            self._arrivals.append((found[1].decode(), time.time()))
        return 200, _TAKEN


class Connection(asyncio.Protocol):
    """One request after the other, without pipelining."""

    def __init__(self, stub: Stub) -> None:
        self._stub = stub
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0] or 0)
        if not end or len(body) < length:
            return
        self._received = b""
        method, path, _ = head.decode().split(" ", 2)
        found = self._stub.answer(method, path, body)
        if found is None:
            return
        answer = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
            found[0],
            len(found[1]),
            found[1],
        )
        if method == "POST" and self._stub.delay:
            asyncio.get_running_loop().call_later(self._stub.delay, self._write, answer)
        else:
            self._write(answer)

    def _write(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


async def serve(port: int, delay: float) -> None:
    """Until the process is ended."""
    stub = Stub(delay)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(stub), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
