"""Request bodies: bounded each, and bounded together, so that no flood exhausts the memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import web

from schemas.errors import InvalidInput
from streams.gateway.metrics import GatewayMetrics
from streams.settings import Settings

#: A platform sends its body at once; one that dribbles must not hold memory.
READ_SECONDS = 10.0
RETRY_AFTER = {"Retry-After": "2"}


class Bodies:
    """Reads bodies within the budget ``max_inflight_bytes``; the place of one is held until its request is answered."""

    def __init__(self, settings: Settings, metrics: GatewayMetrics) -> None:
        self._largest = settings.max_body_bytes
        self._budget = settings.max_inflight_bytes
        self._held = 0
        metrics.body_bytes.set_function(lambda: self._held)

    @asynccontextmanager
    async def read(self, request: web.Request) -> AsyncIterator[bytes]:
        """The whole body, within the block.

        Raises HTTPRequestEntityTooLarge (413, nothing beyond the limit is read, whatever Content-Length said),
        HTTPServiceUnavailable (503) when too many bodies are in memory, HTTPRequestTimeout (408).
        """
        announced = request.content_length
        if announced is not None and announced > self._largest:
            raise _too_large(request, self._largest, announced)
        place = self._largest if announced is None else announced
        if self._held + place > self._budget:
            raise web.HTTPServiceUnavailable(headers=RETRY_AFTER)
        self._held += place
        try:
            yield await self._read(request)
        finally:
            self._held -= place

    async def _read(self, request: web.Request) -> bytes:
        # Most bodies come together with their headers: then there is nothing to wait for, and no timer to start.
        if request.content.is_eof():
            whole = request.content.read_nowait()
            self._check_size(request, len(whole))
            return whole
        body = bytearray()
        try:
            async with asyncio.timeout(READ_SECONDS):
                async for chunk in request.content.iter_any():
                    body += chunk
                    self._check_size(request, len(body))
        except TimeoutError:
            raise web.HTTPRequestTimeout from None
        return bytes(body)

    def _check_size(self, request: web.Request, actual: int) -> None:
        if actual > self._largest:
            raise _too_large(request, self._largest, actual)


def parse_json(body: bytes) -> Any:
    """The JSON value of a body. Raises InvalidInput when it is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _parse_leniently(body)


def _parse_leniently(body: bytes) -> Any:
    """A lone surrogate in one message is no reason to refuse the other 999 of a batch; orjson refuses them."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidInput("body", "JSON") from None


def json_bytes(value: Any, otherwise: bytes) -> bytes:
    """``value`` as JSON, for a dead letter; ``otherwise`` (the whole body) when it cannot be written."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        try:
            return json.dumps(value).encode()
        except RecursionError:
            return otherwise


def _too_large(request: web.Request, largest: int, actual: int) -> web.HTTPRequestEntityTooLarge:
    # The rest of the body is not read, so the connection is of no further use.
    error = web.HTTPRequestEntityTooLarge(max_size=largest, actual_size=actual)
    error.force_close()
    return error
