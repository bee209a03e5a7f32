"""The `/_simulator` routes that both platforms have, and `/livez`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from simulators.books import Books
from simulators.config import SimulatedTenant
from simulators.faults import FaultPlan, Faults
from simulators.ledger import Ledger, json_lines
from simulators.limits import LimitsChange
from simulators.tenants import Tenants

Model = TypeVar("Model", bound=BaseModel)

_JSON_LINES = "application/jsonl"


def bad_request(message: str, status: int = 400) -> web.Response:
    """An answer of a control route (never of a platform route) that names the field and what was expected."""
    return web.json_response({"error": message}, status=status)


async def read_model(request: web.Request, model: type[Model]) -> Model | web.Response:
    """The body as `model`, or the answer that says what is wrong with it."""
    try:
        return model.model_validate_json(await request.read())
    except ValidationError as error:
        reasons = (f"{'.'.join(map(str, item['loc'])) or 'body'}: {item['msg']}" for item in error.errors())
        return bad_request("; ".join(reasons))


class Control:
    """Reads ledger and books, changes faults, limits and tenants of one platform."""

    def __init__(
        self,
        tenants: Tenants,
        ledger: Ledger,
        books: Books[object],
        faults: Faults,
        change_limits: Callable[[LimitsChange], None],
    ) -> None:
        self._tenants = tenants
        self._ledger = ledger
        self._books = books
        self._faults = faults
        self._change_limits = change_limits

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/livez", self._livez),
            web.get("/_simulator/ledger", self._read_ledger),
            web.get("/_simulator/books", self._read_books),
            web.put("/_simulator/faults", self._put_faults),
            web.put("/_simulator/limits", self._put_limits),
            web.put("/_simulator/tenants/{id}", self._put_tenant),
        ]

    def fallback(self) -> web.RouteDef:
        """Control routes that do not exist stay out of the ledger; to be added after all others of theirs."""
        return web.route("*", "/_simulator/{tail:.*}", self._unknown)

    async def _unknown(self, request: web.Request) -> web.Response:
        return bad_request(f"no such route: {request.method} {request.path}", status=404)

    async def _livez(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _read_ledger(self, request: web.Request) -> web.Response:
        after, limit = request.query.get("after", "0"), request.query.get("limit")
        if not after.isdecimal() or not (limit is None or limit.isdecimal()):
            return bad_request("after and limit: expected whole numbers of at least 0")
        rows = self._ledger.after(int(after), None if limit is None else int(limit))
        return web.Response(body=json_lines(rows), content_type=_JSON_LINES)

    async def _read_books(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._books.json_lines(), content_type=_JSON_LINES)

    async def _put_faults(self, request: web.Request) -> web.Response:
        plan = await read_model(request, FaultPlan)
        if isinstance(plan, web.Response):
            return plan
        self._faults.put(plan, time.monotonic())
        return web.json_response({"rules": len(plan.rules)})

    async def _put_limits(self, request: web.Request) -> web.Response:
        change = await read_model(request, LimitsChange)
        if isinstance(change, web.Response):
            return change
        if all(tenant.id != change.tenant for tenant in self._tenants.all()):
            return bad_request(f"tenant: {change.tenant!r} is not known here", status=404)
        self._change_limits(change)
        return web.json_response(change.model_dump(exclude_none=True))

    async def _put_tenant(self, request: web.Request) -> web.Response:
        tenant = await read_model(request, SimulatedTenant)
        if isinstance(tenant, web.Response):
            return tenant
        if tenant.id != request.match_info["id"]:
            return bad_request(f"id: expected {request.match_info['id']!r} as in the URL, got {tenant.id!r}")
        self._tenants.put(tenant)
        return web.json_response({"id": tenant.id})
