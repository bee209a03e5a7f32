"""``python -m bench.remote_stub PORT SECONDS``: answers as Genesys does, after so many seconds, and keeps books."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import Counter
from typing import cast

import uvloop

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

    def answer(self, method: bytes, path: str, body: bytes) -> bytes | None:
        """The whole answer to a request; None for silence."""
        if method == b"POST" and path.startswith("/api/v2/conversations/messages/"):
            return self._take(path.split("/", 6)[5], body)
        match method, path.split("/")[1]:
            case b"GET", "counts":
                return _answer(200, json.dumps(self.taken).encode())
            case b"GET", "arrivals":
                arrivals, self._arrivals = self._arrivals, []
                return _answer(200, json.dumps(arrivals).encode())
            case b"PUT", state:
                self._states[path.split("/")[2]] = state
        return _answer(200, _TOKEN if path.endswith("/token") else b"{}")

    def arrived(self, message_id: str) -> None:
        """A message was taken."""
        self._arrivals.append((message_id, time.time()))

    def _take(self, integration: str, body: bytes) -> bytes | None:
        match self._states.get(integration):
            case "down":
                return _answer(503, _DOWN)
            case "silent":
                return None
        self.taken[integration] += 1
        if found := _MESSAGE_ID.search(body):
            self.arrived(found[1].decode())
        return _ACCEPTED


def _answer(status: int, content: bytes) -> bytes:
    head = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % (status, len(content)) + content


_ACCEPTED = _answer(200, _TAKEN)


class Connection(asyncio.Protocol):
    """One request after the other, without pipelining."""

    def __init__(self, stub: Stub) -> None:
        self._stub = stub
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0] or 0)
        if not end or len(body) < length:
            return
        self._received = b""
        method, path, _ = head.split(b" ", 2)
        answer = self._stub.answer(method, path.decode(), body)
        if answer is None:
            return
        if method == b"POST" and self._stub.delay:
            asyncio.get_running_loop().call_later(self._stub.delay, self._write, answer)
        else:
            self._write(answer)

    def _write(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


async def listen(stub: Stub, port: int) -> asyncio.Server:
    """Serve ``stub`` on a port of this machine."""
    return await asyncio.get_running_loop().create_server(lambda: Connection(stub), "127.0.0.1", port)


async def serve(port: int, delay: float) -> None:
    """Until the process is ended."""
    server = await listen(Stub(delay), port)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1]), float(sys.argv[2])))
