"""One request to a platform, with every way in which it can end told apart."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import msgspec

from agents.answers import NotSent, Unanswered

#: Of the time for a call, what may pass until there is a connection: a call that never had one was certainly not made.
CONNECT_SHARE = 0.5


def call_timeout(seconds: float) -> aiohttp.ClientTimeout:
    """The timeouts of a session whose calls get ``seconds`` each."""
    return aiohttp.ClientTimeout(total=seconds, connect=CONNECT_SHARE * seconds)


class Response(msgspec.Struct, frozen=True):
    """An answer with its headers; ``body`` is None when it is not a JSON object."""

    status: int
    headers: Any
    body: dict[str, Any] | None


async def post_json(
    session: aiohttp.ClientSession, url: str, token: str, body: bytes
) -> Response | NotSent | Unanswered:
    """POST ``body``, which is JSON, with a bearer token. Never raises for what the network or the platform does."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return await _request(session, "POST", url, headers, body)


async def get_json(session: aiohttp.ClientSession, url: str, token: str) -> Response | NotSent | Unanswered:
    """GET with a bearer token. Never raises for what the network or the platform does."""
    return await _request(session, "GET", url, {"Authorization": f"Bearer {token}"}, None)


async def post(
    session: aiohttp.ClientSession, url: str, headers: dict[str, str], data: Any
) -> Response | NotSent | Unanswered:
    """POST ``data``. A failure before any byte left is NotSent; later ones are Unanswered."""
    return await _request(session, "POST", url, headers, data)


async def _request(
    session: aiohttp.ClientSession, method: str, url: str, headers: dict[str, str], data: Any
) -> Response | NotSent | Unanswered:
    try:
        async with session.request(method, url, data=data, headers=headers) as response:
            return Response(response.status, response.headers, _object(await response.read()))
    except ValueError as error:
        # Of the client alone, before anything is sent: a URL or a header that cannot be written.
        return NotSent("configuration", f"no request can be made of the address or a header: {type(error).__name__}")
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        return NotSent("connect", f"no connection: {type(error).__name__}")
    except TimeoutError:
        return Unanswered("timeout", "no answer in time")
    except (aiohttp.ClientError, asyncio.IncompleteReadError, OSError) as error:
        return Unanswered("connection_lost", f"connection lost: {type(error).__name__}")


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        value = msgspec.json.decode(data)
    except msgspec.DecodeError:
        return None
    return value if isinstance(value, dict) else None
