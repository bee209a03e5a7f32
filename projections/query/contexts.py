"""Context documents: what services know of a customer, written with a version check.

A write is a fact in the log. Of several that replace the same version the first in the log counts, so the answer is
known once the projection has come that far: 200, or 412 for one that came too late.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web

from projections.query.answers import CALLER, id_of, not_found
from projections.query.facts import FactLog
from projections.query.tables import Row, Tables
from schemas.customer_events import ContextWrite, UpdatedData, UpdatedPersonal
from schemas.envelope import Envelope, envelope
from schemas.errors import InvalidInput
from schemas.ids import event_id
from schemas.intake_knowledge import MOST_CONTEXT_BYTES
from streams.directory import TenantDirectory
from streams.log import LogUnavailable
from streams.problems import problem

_WAIT_SECONDS = 5.0
_POLL_SECONDS = 0.03


class Contexts:
    """Handlers that read and write context documents; ``clock`` gives canonical times."""

    def __init__(self, tables: Tables, directory: TenantDirectory, log: FactLog, clock: Callable[[], str]) -> None:
        self._tables = tables
        self._directory = directory
        self._log = log
        self._clock = clock

    def table(self) -> list[web.RouteDef]:
        """Every route."""
        path = "/v1/customers/{id}/context"
        return [web.get(path, self.read), web.put(path, self.write)]

    async def read(self, request: web.Request) -> web.Response:
        """The document, its version as ETag."""
        target = await self._target(request)
        return not_found() if target is None or target["version"] is None else _shown(target)

    async def write(self, request: web.Request) -> web.Response:
        """Replace the version that ``If-Match`` names, or begin with ``If-None-Match: *``."""
        caller = request[CALLER]
        if not caller.may_write:
            return problem(403, detail="this key may not write: it lacks the scope `write`")
        if caller.only_tenant is None:
            raise InvalidInput("tenant", "the id of one tenant")
        tenant = self._directory.by_id(caller.only_tenant)
        document, replaces = await _document(request), _replaced(request)
        target = await self._target(request)
        if target is None or tenant is None:
            return not_found()
        fact = _fact(tenant.id, target["pseudonym"], replaces, document, caller.name, self._clock())
        if target["version"] == fact.id:
            return _shown(target)
        if target["version"] != replaces:
            return _too_late(target)
        try:
            await self._log.append(tenant, fact)
        except LogUnavailable:
            return problem(503, detail="the log does not answer", headers={"Retry-After": "1"})
        return await self._settled(request, fact.id)

    async def _target(self, request: web.Request) -> dict[str, Any] | None:
        id = id_of(request)
        rows: list[Row] = [] if id is None else await self._tables.rows(request[CALLER], "context_target", id=id)
        return orjson.loads(rows[0][0]) if rows else None

    async def _settled(self, request: web.Request, version: str) -> web.Response:
        """Wait until the write is folded: then it counts, or another came before it."""
        caller, written = request[CALLER], {"id": id_of(request), "version": version}
        deadline = time.monotonic() + _WAIT_SECONDS
        while time.monotonic() < deadline:
            rows = await self._tables.rows(caller, "context_written", tenant=caller.only_tenant, **written)
            if rows:
                target = await self._target(request)
                assert target is not None
                return _shown(target | orjson.loads(rows[0][0])) if rows[0][1] else _too_late(target)
            await asyncio.sleep(_POLL_SECONDS)
        response = problem(202, detail="the write is in the log and not shown yet; ask again whether it counts")
        response.etag = version
        return response


async def _document(request: web.Request) -> dict[str, Any]:
    raw = await request.read()
    if len(raw) > MOST_CONTEXT_BYTES:
        raise InvalidInput("body", f"at most {MOST_CONTEXT_BYTES} bytes")
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict) or b"\\u0000" in raw:
        raise InvalidInput("body", "a JSON object, without the character NUL")
    return document


def _replaced(request: web.Request) -> str | None:
    """The version to replace; None to begin. Raises InvalidInput when neither is said."""
    matches, begins = request.if_match or (), request.if_none_match or ()
    if len(matches) == 1 and not begins:
        return matches[0].value
    if len(begins) == 1 and begins[0].value == "*" and not matches:
        return None
    raise InvalidInput("If-Match", "the ETag of the version that is replaced, or `If-None-Match: *` for the first one")


def _fact(tenant: str, customer: str, replaces: str | None, document: dict[str, Any], by: str, at: str) -> Envelope:
    """The same write told again is the same fact."""
    digest = hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()
    identity = event_id(tenant, "query", "customer.updated", customer, replaces or "", digest)
    write = ContextWrite(document=document, replaces=replaces)
    data = UpdatedData(customer=customer, by=by, personal=UpdatedPersonal(context=write))
    return envelope(
        id=identity,
        type="customer.updated",
        source=f"query/{by}",
        time=at,
        recordedtime=at,
        tenantid=tenant,
        data=data,
    )


def _shown(target: dict[str, Any]) -> web.Response:
    shown = {name: target[name] for name in ("version", "number", "document", "by", "at")}
    response = web.Response(body=orjson.dumps(shown), content_type="application/json", charset="utf-8")
    response.etag = target["version"]
    return response


def _too_late(target: dict[str, Any]) -> web.Response:
    response = problem(412, detail="another version stands: read it, and decide again")
    if target["version"] is not None:
        response.etag = target["version"]
    return response
