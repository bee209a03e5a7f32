"""The routes of the query API (OUTSIDE: Query)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import orjson
from aiohttp import web

from projections.query.answers import (
    CALLER,
    id_of,
    instant_of,
    json_answer,
    limit_of,
    list_of,
    not_found,
    resource,
    uuid_of,
)
from projections.query.cache import CacheReader
from projections.query.cursors import Place, decode_cursor, encode_cursor
from projections.query.tables import Tables
from projections.query.words import words
from schemas.errors import InvalidInput
from schemas.numbers import spellings

_MESSAGE_IDS = {"whatsapp_message_id": "whatsapp", "genesys_message_id": "genesys"}
_THREAD_IDS = ("genesys_conversation_id", "wa_id")
_STATES = ("active", "waiting", "closed", "error")


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
            web.get("/v1/mappings", self.mappings),
            web.get("/v1/dead-letters", self.dead_letters),
        ]

    def _single(self, name: str, cached_as: str) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handler(request: web.Request) -> web.Response:
            id = id_of(request)
            if id is None:
                return not_found()
            caller = request[CALLER]
            if "as_of" in request.query:
                past = f"{name}_as_of"
                body = await self._tables.body(caller, past, id=id, instants=[instant_of(request, "as_of")])
                return not_found() if body is None else resource(request, body)
            ask = partial(self._tables.body, caller, name, id=id)
            if self._cache is not None:
                body = await self._cache.get(cached_as, caller.only_tenant, id, ask)
            else:
                body = await ask()
            return not_found() if body is None else resource(request, body)

        return handler

    async def conversations(self, request: web.Request) -> web.Response:
        """Latest activity first; those of one person, or in one state."""
        state, customer = request.query.get("state"), request.query.get("customer_id")
        if state is not None and state not in _STATES:
            raise InvalidInput("state", f"one of {', '.join(_STATES)}")
        if customer is not None and uuid_of(customer) is None:
            raise InvalidInput("customer_id", "the id of a customer")
        return await self._list(request, "conversations", state=state, customer_id=customer)

    async def dead_letters(self, request: web.Request) -> web.Response:
        """Latest first."""
        return await self._list(request, "dead_letters")

    async def conversation_messages(self, request: web.Request) -> web.Response:
        """Oldest first."""
        id = id_of(request)
        if id is None or await self._tables.body(request[CALLER], "conversation", id=id) is None:
            return not_found()
        return await self._list(request, "conversation_messages", id=id)

    async def timeline(self, request: web.Request) -> web.Response:
        """Everything that touched the message, in order of time."""
        id = id_of(request)
        rows = [] if id is None else await self._tables.rows(request[CALLER], "timeline", id=id)
        entries = [orjson.loads(row[0]) for row in rows]
        if not entries:
            return not_found()
        for entry in entries:
            entry["words"] = words(entry)
        return json_answer(orjson.dumps({"items": entries, "next": None}))

    async def mappings(self, request: web.Request) -> web.Response:
        """By exactly one id."""
        given = {name: request.query[name] for name in (*_MESSAGE_IDS, *_THREAD_IDS) if name in request.query}
        if len(given) != 1:
            raise InvalidInput("query", f"exactly one of {', '.join((*_MESSAGE_IDS, *_THREAD_IDS))}")
        [(name, value)] = given.items()
        if "\x00" in value:
            raise InvalidInput(name, "text without NUL")
        limit = limit_of(request)
        if name in _MESSAGE_IDS:
            wanted = {"platform": _MESSAGE_IDS[name], "value": value}
            rows = await self._tables.rows(request[CALLER], "mappings_by_message", limit=limit, **wanted)
        else:
            threads: dict[str, Any] = {"genesys_conversation_id": None, "wa_ids": []}
            if name == "wa_id":
                threads["wa_ids"] = list(spellings(value))
            else:
                threads[name] = value
            rows = await self._tables.rows(request[CALLER], "mappings_by_thread", limit=limit, **threads)
        return list_of([row[0] for row in rows], None)

    async def _list(self, request: web.Request, name: str, **arguments: Any) -> web.Response:
        """One page; a statement of a list gives body, place in its order, and what tells rows of one place apart."""
        limit = limit_of(request)
        place = (
            decode_cursor(request.query["cursor"], by_offset=name == "conversation_messages")
            if "cursor" in request.query
            else None
        )
        if name != "dead_letters" and place is not None and uuid_of(place.after) is None:
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
        return list_of([row[0] for row in page], following)
