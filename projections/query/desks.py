"""What an agent's desk shows about a conversation, in one answer."""

from __future__ import annotations

import orjson
from aiohttp import web

from projections.query.answers import CALLER, not_found, resource
from projections.query.customers import with_numbers
from projections.query.tables import Tables

_MESSAGES, _THREADS = 30, 20
#: Genesys writes 36 characters; nothing of this length is an id.
_LONGEST_ID = 256


class Desks:
    """A handler over the tables."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def table(self) -> list[web.RouteDef]:
        """Every route."""
        return [web.get("/v1/contexts/{genesys_conversation_id}", self.context)]

    async def context(self, request: web.Request) -> web.Response:
        """By the id that Genesys has for the conversation."""
        id = request.match_info["genesys_conversation_id"]
        if len(id) > _LONGEST_ID or "\x00" in id:
            return not_found()
        wanted = {"genesys_conversation_id": id, "messages": _MESSAGES, "threads": _THREADS}
        body = await self._tables.body(request[CALLER], "desk", **wanted)
        if body is None:
            return not_found()
        shown = orjson.loads(body)
        if shown["customer"] is not None:
            shown["customer"] = orjson.Fragment(with_numbers(shown["customer"]))
        return resource(request, orjson.dumps(shown))
