"""A closed loop of WhatsApp webhooks over raw sockets, so that making the load takes little from what is measured."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count

import msgspec

BODY_BYTES = 1024
BODIES = 200
#: Stands in the templates where each request puts a wamid of its own.
_PLACE = "wamid.PLACE-OF-THIS-REQUEST"


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What to post, where, and for how long."""

    port: int
    path: str
    secret: str
    waba_id: str
    phone_number_id: str
    #: Starts every wamid; another for each load, since no message may come twice.
    run: str
    connections: int = 64
    seconds: float = 5.0


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it; every request was answered 200."""

    requests: int
    seconds: float
    #: Milliseconds from request to answer.
    median_ms: float
    p99_ms: float


class NotAccepted(Exception):
    """An answer that was not 200."""


def body_templates(load: Load) -> list[bytes]:
    """``BODIES`` different updates of BODY_BYTES each, one text message in each."""
    return [_template(load, number) for number in range(BODIES)]


def _template(load: Load, number: int) -> bytes:
    customer = f"44770090{number:04}"

    def body(text: str) -> bytes:
        message = {
            "from": customer,
            "id": _PLACE,
            "timestamp": str(1795428000 + number),
            "type": "text",
            "text": {"body": text},
        }
        value = {
            "messaging_product": "whatsapp",
            "metadata": {"display_phone_number": "15550001111", "phone_number_id": load.phone_number_id},
            "contacts": [{"profile": {"name": f"Customer {number}"}, "wa_id": customer}],
            "messages": [message],
        }
        entry = {"id": load.waba_id, "changes": [{"field": "messages", "value": value}]}
        return msgspec.json.encode({"object": "whatsapp_business_account", "entry": [entry]})

    words = f"Message {number}: where is my order? " * BODY_BYTES
    return body(words[: BODY_BYTES - len(body(""))])


def requests(load: Load) -> Iterator[bytes]:
    """Whole HTTP requests without end, signed (whatsapp.md 1.2), no wamid twice."""
    templates = body_templates(load)
    secret = load.secret.encode()
    place = _PLACE.encode()
    head = (
        f"POST {load.path} HTTP/1.1\r\nHost: 127.0.0.1:{load.port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {BODY_BYTES}\r\nX-Hub-Signature-256: sha256="
    ).encode()
    for number in count():
        wamid = f"wamid.{load.run}.{number}".ljust(len(_PLACE), "=").encode()
        body = templates[number % BODIES].replace(place, wamid)
        yield b"%s%s\r\n\r\n%s" % (head, hmac.digest(secret, body, hashlib.sha256).hex().encode(), body)


class _Connection(asyncio.Protocol):
    """One connection: the next request as soon as the last one is answered, until ``next_request`` gives None."""

    def __init__(self, next_request: Callable[[], bytes | None], latencies: list[float]) -> None:
        self._next_request = next_request
        self._latencies = latencies
        self._received = b""
        self._sent = 0.0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def _send(self) -> None:
        request = self._next_request()
        if request is None:
            self._transport.close()
            self.ended.set_result(None)
        else:
            self._sent = time.perf_counter()
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if end and len(body) >= _content_length(head):
            self._latencies.append(time.perf_counter() - self._sent)
            if not head.startswith(b"HTTP/1.1 200 ") or b'"accepted":1' not in body:
                self._fail(NotAccepted(f"{head.decode()}\n\n{body.decode()}"))
            else:
                self._received = b""
                self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionResetError("the server closed the connection"))

    def _fail(self, error: Exception) -> None:
        if not self.ended.done():
            self.ended.set_exception(error)
            self._transport.close()


def _content_length(head: bytes) -> int:
    return int(head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])


async def post(load: Load) -> Answered:
    """Post for ``load.seconds``, then wait for the answers that are still to come. Raises NotAccepted, OSError."""
    loop = asyncio.get_running_loop()
    supply = requests(load)
    latencies: list[float] = []
    start = time.perf_counter()
    end = start + load.seconds

    def next_request() -> bytes | None:
        return next(supply) if time.perf_counter() < end else None

    connected = await asyncio.gather(
        *(
            loop.create_connection(lambda: _Connection(next_request, latencies), "127.0.0.1", load.port)
            for _ in range(load.connections)
        )
    )
    await asyncio.gather(*(connection.ended for _, connection in connected))
    seconds = time.perf_counter() - start
    latencies.sort()
    return Answered(
        requests=len(latencies),
        seconds=seconds,
        median_ms=latencies[len(latencies) // 2] * 1000,
        p99_ms=latencies[len(latencies) * 99 // 100] * 1000,
    )


def main() -> None:
    """``python -m bench.webhook_load JSON``: reads a Load, prints an Answered."""
    load = msgspec.json.decode(sys.argv[1], type=Load)
    sys.stdout.write(msgspec.json.encode(asyncio.run(post(load))).decode())


if __name__ == "__main__":
    main()
