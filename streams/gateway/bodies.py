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
        self._free = settings.max_inflight_bytes
        self._metrics = metrics

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
        if place > self._free:
            raise web.HTTPServiceUnavailable(headers=RETRY_AFTER)
        self._take(place)
        try:
            yield await self._read(request)
        finally:
            self._take(-place)

    def _take(self, size: int) -> None:
        self._free -= size
        self._metrics.body_bytes.inc(size)

    async def _read(self, request: web.Request) -> bytes:
        body = bytearray()
        try:
            async with asyncio.timeout(READ_SECONDS):
                async for chunk in request.content.iter_any():
                    body += chunk
                    if len(body) > self._largest:
                        raise _too_large(request, self._largest, len(body))
        except TimeoutError:
            raise web.HTTPRequestTimeout from None
        return bytes(body)


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
