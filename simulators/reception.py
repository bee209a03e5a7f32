"""The front door of a platform: every call is booked, meets its fault, then takes effect or is refused."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from aiohttp import web

from simulators.faults import Faults
from simulators.ledger import Ledger, Row


@dataclass(frozen=True, slots=True)
class Call:
    """What the ledger keeps of a call: names as in its rows."""

    operation: str
    tenant: str | None = None
    customer: str | None = None
    id: str | None = None
    body: object = None


@dataclass(eq=False)
class Refusal(Exception):
    """A platform's own refusal; `code` and `detail` are worded as that platform words them."""

    status: int
    code: str | int
    message: str
    detail: str = ""
    headers: dict[str, str] = field(default_factory=dict)


class Manner(Protocol):
    """How a platform refuses."""

    def render(self, request: web.Request, refusal: Refusal) -> web.Response:
        """The answer in the platform's error shape."""

    def broken(self, status: int) -> Refusal:
        """The refusal that the platform would give with this HTTP status."""

    def rate_limited(self) -> Refusal:
        """The refusal of a call above the platform's rate."""


class Reception:
    """Takes calls in order of arrival; `accepted` in the ledger means that the call took effect."""

    def __init__(self, ledger: Ledger, faults: Faults, manner: Manner) -> None:
        self._ledger = ledger
        self._faults = faults
        self._manner = manner

    async def receive(
        self, request: web.Request, call: Call, act: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Runs `act` unless a fault forbids it; `act` returns the answer or raises `Refusal`."""
        row = self._ledger.open(
            time.time(), call.operation, tenant=call.tenant, customer=call.customer, id=call.id, body=call.body
        )
        fault = self._faults.draw(call.tenant, call.operation, time.monotonic())
        if fault.delay:
            await asyncio.sleep(fault.delay)
        match fault.kind:
            case "reset":
                return _hang_up(request, reset=True)
            case "status":
                return self._answer(request, row, self._manner.render(request, self._manner.broken(fault.status)))
            case "429":
                return self._answer(request, row, self._manner.render(request, self._manner.rate_limited()))
        try:
            answer = await act()
        except Refusal as refusal:
            answer = self._manner.render(request, refusal)
        row.accepted = answer.status < 300
        if fault.kind == "drop answer":
            return _hang_up(request, reset=False)
        return self._answer(request, row, answer)

    @staticmethod
    def _answer(request: web.Request, row: Row, answer: web.StreamResponse) -> web.StreamResponse:
        if request.transport is not None and not request.transport.is_closing():
            row.status = answer.status
        return answer


def _hang_up(request: web.Request, *, reset: bool) -> web.Response:
    """Cuts the connection, by RST or FIN; what is returned finds no connection to be written to."""
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        if reset and connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    return web.Response(status=500)
