"""Routes of analytics: what happened in a span of time, by hour, by day or as a whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from aiohttp import web

from projections.query.answers import CALLER, json_answer, list_of
from projections.query.tables import Tables
from schemas.errors import InvalidInput

#: Each is a route under ``/v1/analytics/`` that lists figures by period, and a statement ``sql/analytics_<name>.sql``.
LISTS = ("messages", "sessions", "agents", "queues", "customers", "opt_outs")
UNITS = ("hour", "day", "total")
_LONGEST = timedelta(days=366)


class Analytics:
    """Handlers over the tables. A span is from ``since``, inclusive, to ``until``, exclusive, both on a full hour."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def table(self) -> list[web.RouteDef]:
        """Every route."""
        return [
            *(web.get(f"/v1/analytics/{name.replace('_', '-')}", self._list) for name in LISTS),
            web.get("/v1/analytics/totals", self.totals),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        name = request.path.rpartition("/")[2].replace("-", "_")
        rows = await self._tables.rows(request[CALLER], f"analytics_{name}", **_asked(request))
        return list_of([row[0] for row in rows], None)

    async def totals(self, request: web.Request) -> web.Response:
        """One row over all tenants that the caller sees."""
        asked = _asked(request) | {"by": "total"}
        [[body]] = await self._tables.rows(request[CALLER], "analytics_totals", **asked)
        return json_answer(body.encode())


def _asked(request: web.Request) -> dict[str, object]:
    """Arguments of the statements. Raises InvalidInput."""
    since, until = _instant(request, "since"), _instant(request, "until")
    if not timedelta(0) < until - since <= _LONGEST:
        raise InvalidInput("until", f"later than `since` by {_LONGEST.days} days at most")
    by = request.query.get("by", "hour")
    if by not in UNITS:
        raise InvalidInput("by", f"one of {', '.join(UNITS)}")
    return {"since": since, "until": until, "by": by, "channel": request.query.get("channel")}


def _instant(request: web.Request, name: str) -> datetime:
    """A full hour in UTC, since volumes are kept by the hour."""
    try:
        found = datetime.fromisoformat(request.query[name]).astimezone(UTC)
    except (KeyError, ValueError, OverflowError):
        found = None
    if found is None or (found.minute, found.second, found.microsecond) != (0, 0, 0):
        raise InvalidInput(name, "a full hour, such as 2026-11-22T10:00:00Z")
    return found
