"""What all handlers share: who asks, what was asked, and the forms of an answer."""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime

import orjson
from aiohttp import web

from projections.query.callers import Caller
from schemas.errors import InvalidInput
from streams.problems import problem

CALLER: web.RequestKey[Caller] = web.RequestKey("caller", Caller)

_DEFAULT_LIMIT, _MOST = 50, 500


def id_of(request: web.Request) -> str | None:
    """The id in the path, in its canonical form; None when it is none."""
    return uuid_of(request.match_info["id"])


def uuid_of(text: str) -> str | None:
    """A UUID in its canonical form; None for any other text."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None


def limit_of(request: web.Request) -> int:
    """Items a page. Raises InvalidInput."""
    text = request.query.get("limit", str(_DEFAULT_LIMIT))
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= _MOST):
        raise InvalidInput("limit", f"a whole number from 1 to {_MOST}")
    return int(text)


def instant_of(request: web.Request, name: str) -> datetime:
    """The instant that a parameter names. Raises InvalidInput."""
    try:
        instant = datetime.fromisoformat(request.query.get(name, ""))
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise InvalidInput(name, "a time with its zone, such as 2026-11-22T10:00:00Z")
    return instant


def not_found() -> web.Response:
    """404, whether it is not there or not the caller's."""
    return problem(404, detail="there is no such resource, or it is not this key's to see")


def resource(request: web.Request, body: bytes) -> web.Response:
    """A resource with its ETag; 304 when the caller has it already."""
    etag = hashlib.sha256(body).hexdigest()[:32]
    asked = request.if_none_match or ()
    unchanged = any(known.value in (etag, "*") for known in asked)
    response = web.Response(status=304) if unchanged else json_answer(body)
    response.etag = etag
    return response


def list_of(bodies: list[str], following: str | None) -> web.Response:
    """One page of a list."""
    return json_answer(b'{"items":[' + ",".join(bodies).encode() + b'],"next":' + orjson.dumps(following) + b"}")


def json_answer(body: bytes) -> web.Response:
    """200 with JSON."""
    return web.Response(body=body, content_type="application/json", charset="utf-8")
