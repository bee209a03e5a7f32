"""Customers: by any of their ids, and by the names that platforms and people have for them."""

from __future__ import annotations

import dataclasses
from typing import Any

import orjson
from aiohttp import web

from projections.query.answers import CALLER, id_of, limit_of, list_of, not_found, resource
from projections.query.tables import Tables
from schemas.errors import InvalidInput
from schemas.numbers import number_of, spellings

#: What a customer may be looked up by.
_NAMES = ("phone", "wa_id", "user_id")


class Customers:
    """Handlers over the tables."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def table(self) -> list[web.RouteDef]:
        """Every route."""
        return [web.get("/v1/customers", self.look_up), web.get("/v1/customers/{id}", self.single)]

    async def single(self, request: web.Request) -> web.Response:
        """A person, by any of its identities."""
        id = id_of(request)
        body = None if id is None else await self._tables.body(request[CALLER], "customer", id=id)
        return not_found() if body is None else resource(request, with_numbers(orjson.loads(body)))

    async def look_up(self, request: web.Request) -> web.Response:
        """By a number in any of its spellings, or by a user id."""
        given = {name: request.query[name] for name in _NAMES if name in request.query}
        if len(given) != 1:
            raise InvalidInput("query", f"exactly one of {', '.join(_NAMES)}")
        [(name, value)] = given.items()
        if "\x00" in value:
            raise InvalidInput(name, "text without NUL")
        names = {"kinds": ["user_id", "parent_user_id"], "values": [value]}
        if name != "user_id":
            names = {"kinds": ["wa_id"], "values": list(spellings(value))}
        rows = await self._tables.rows(request[CALLER], "customers", limit=limit_of(request), **names)
        return list_of([with_numbers(orjson.loads(row[0])).decode() for row in rows], None)


def with_numbers(customer: dict[str, Any]) -> bytes:
    """The customer as JSON, with each of its numbers as it is dialled and written."""
    known = [alias for alias in customer["aliases"] if alias["kind"] == "wa_id"]
    customer["numbers"] = [
        dataclasses.asdict(number_of(alias["value"])) | {"current": alias["current"]} for alias in known
    ]
    return orjson.dumps(customer)
