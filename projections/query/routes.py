"""The routes of the query API (OUTSIDE: Query)."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from aiohttp import web

from projections.query.cache import CacheReader
from projections.query.callers import Caller
from projections.query.cursors import Place, decode_cursor, encode_cursor
from projections.query.tables import Tables
from projections.query.words import words
from schemas.errors import InvalidInput
from streams.problems import problem

CALLER: web.RequestKey[Caller] = web.RequestKey("caller", Caller)

_DEFAULT_LIMIT, _MOST = 50, 500
_MESSAGE_IDS = {"whatsapp_message_id": "whatsapp", "genesys_message_id": "genesys"}
_THREAD_IDS = ("genesys_conversation_id", "wa_id")


class Routes:
    """Handlers over the tables and the cache."""

    def __init__(self, tables: Tables, cache: CacheReader | None) -> None:
        self._tables = tables
        self._cache = cache

    def table(self) -> list[web.RouteDef]:
        """Every route."""
        return [
            web.get("/v1/conversations", self.conversations),
            web.get("/v1/conversations/{id}", self._single("conversation", "conversations")),
            web.get("/v1/conversations/{id}/messages", self.conversation_messages),
            web.get("/v1/messages/{id}", self._single("message", "messages")),
            web.get("/v1/messages/{id}/timeline", self.timeline),
            web.get("/v1/customers/{id}", self._single("customer", None)),
            web.get("/v1/mappings", self.mappings),
            web.get("/v1/dead-letters", self.dead_letters),
        ]

    def _single(self, name: str, cached_as: str | None) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handler(request: web.Request) -> web.Response:
            id = _id(request)
            if id is None:
                return _not_found()
            body = None
            if cached_as is not None and self._cache is not None:
                body = await self._cache.get(cached_as, request[CALLER].only_tenant, id)
            if body is None:
                body = await self._tables.body(request[CALLER], name, id=id)
            return _not_found() if body is None else _resource(request, body)

        return handler

    async def conversations(self, request: web.Request) -> web.Response:
        """Latest activity first."""
        return await self._list(request, "conversations")

    async def dead_letters(self, request: web.Request) -> web.Response:
        """Latest first."""
        return await self._list(request, "dead_letters")

    async def conversation_messages(self, request: web.Request) -> web.Response:
        """Oldest first."""
        id = _id(request)
        if id is None or await self._tables.body(request[CALLER], "conversation", id=id) is None:
            return _not_found()
        return await self._list(request, "conversation_messages", id=id)

    async def timeline(self, request: web.Request) -> web.Response:
        """Everything that touched the message, in order of time."""
        id = _id(request)
        rows = [] if id is None else await self._tables.rows(request[CALLER], "timeline", id=id)
        entries = [orjson.loads(row[0]) for row in rows]
        if not entries:
            return _not_found()
        for entry in entries:
            entry["words"] = words(entry)
        return _json(orjson.dumps({"items": entries, "next": None}))

    async def mappings(self, request: web.Request) -> web.Response:
        """By exactly one id."""
        given = {name: request.query[name] for name in (*_MESSAGE_IDS, *_THREAD_IDS) if name in request.query}
        if len(given) != 1:
            raise InvalidInput("query", f"exactly one of {', '.join((*_MESSAGE_IDS, *_THREAD_IDS))}")
        [(name, value)] = given.items()
        if "\x00" in value:
            raise InvalidInput(name, "text without NUL")
        limit = _limit(request)
        if name in _MESSAGE_IDS:
            wanted = {"platform": _MESSAGE_IDS[name], "value": value}
            rows = await self._tables.rows(request[CALLER], "mappings_by_message", limit=limit, **wanted)
        else:
            threads = dict.fromkeys(_THREAD_IDS) | {name: value.removeprefix("+") if name == "wa_id" else value}
            rows = await self._tables.rows(request[CALLER], "mappings_by_thread", limit=limit, **threads)
        return _list_of([row[0] for row in rows], None)

    async def _list(self, request: web.Request, name: str, **arguments: Any) -> web.Response:
        """One page; a statement of a list gives body, place in its order, and what tells rows of one place apart."""
        limit = _limit(request)
        place = (
            decode_cursor(request.query["cursor"], by_offset=name == "conversation_messages")
            if "cursor" in request.query
            else None
        )
        if name != "dead_letters" and place is not None and _uuid(place.after) is None:
            raise InvalidInput("cursor", "the `next` of an earlier answer of this list")
        rows = await self._tables.rows(
            request[CALLER],
            name,
            limit=limit + 1,
            place=place.order if place else None,
            after=place.after if place else None,
            **arguments,
        )
        page = rows[:limit]
        following = encode_cursor(Place(page[-1][1], page[-1][2])) if len(rows) > limit else None
        return _list_of([row[0] for row in page], following)


def _id(request: web.Request) -> str | None:
    return _uuid(request.match_info["id"])


def _uuid(text: str) -> str | None:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None


def _limit(request: web.Request) -> int:
    text = request.query.get("limit", str(_DEFAULT_LIMIT))
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= _MOST):
        raise InvalidInput("limit", f"a whole number from 1 to {_MOST}")
    return int(text)


def _not_found() -> web.Response:
    return problem(404, detail="there is no such resource, or it is not this key's to see")


def _resource(request: web.Request, body: bytes) -> web.Response:
    etag = hashlib.sha256(body).hexdigest()[:32]
    asked = request.if_none_match or ()
    unchanged = any(known.value in (etag, "*") for known in asked)
    response = web.Response(status=304) if unchanged else _json(body)
    response.etag = etag
    return response


def _list_of(bodies: list[str], following: str | None) -> web.Response:
    return _json(b'{"items":[' + ",".join(bodies).encode() + b'],"next":' + orjson.dumps(following) + b"}")


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json", charset="utf-8")
