"""What was: the history of a conversation, and what changed between two instants."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
from aiohttp import web

from projections.query.answers import CALLER, id_of, instant_of, json_answer, list_of, not_found
from projections.query.tables import Tables
from projections.query.words import words
from schemas.errors import InvalidInput
from schemas.folds.states import Step, changes

Entry = dict[str, Any]


class Past:
    """Handlers over the tables."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def table(self) -> list[web.RouteDef]:
        """Every route."""
        return [
            web.get("/v1/conversations/{id}/history", self.history),
            web.get("/v1/conversations/{id}/changes", self.conversation_changes),
            web.get("/v1/messages/{id}/changes", self.message_changes),
        ]

    async def history(self, request: web.Request) -> web.Response:
        """Every change of state and whatever else happened besides messages, in order of time."""
        id = id_of(request)
        entries = [] if id is None else await self._history(request, id)
        return list_of([orjson.dumps(entry).decode() for entry in entries], None) if entries else not_found()

    async def conversation_changes(self, request: web.Request) -> web.Response:
        """What became different from one instant to another, and the history between them."""
        return await self._changes(request, "conversation")

    async def message_changes(self, request: web.Request) -> web.Response:
        """The same of a message; between them, its timeline."""
        return await self._changes(request, "message")

    async def _changes(self, request: web.Request, name: str) -> web.Response:
        start, end = instant_of(request, "from"), instant_of(request, "to")
        if end < start:
            raise InvalidInput("to", "an instant that is not before `from`")
        id = id_of(request)
        instants = {"instants": [start, end]}
        rows = [] if id is None else await self._tables.rows(request[CALLER], f"{name}_as_of", id=id, **instants)
        if id is None or not rows or rows[1][0] is None:
            return not_found()
        before = None if rows[0][0] is None else orjson.loads(rows[0][0])
        after: Entry = orjson.loads(rows[1][0])
        entries = await (self._history if name == "conversation" else self._timeline)(request, id)
        shown = {
            "from": start.isoformat(),
            "to": end.isoformat(),
            "before": before,
            "after": after,
            "changed": difference(before or {}, after),
            "entries": [entry for entry in entries if start < datetime.fromisoformat(entry["time"]) <= end],
        }
        return json_answer(orjson.dumps(shown))

    async def _history(self, request: web.Request, id: str) -> list[Entry]:
        story = await self._tables.rows(request[CALLER], "conversation_story", id=id)
        events = await self._tables.rows(request[CALLER], "conversation_events", id=id)
        states = [_state_entry(*change) for change in changes(Step(*row) for row in story)]
        entries = states + [orjson.loads(row[0]) for row in events]
        for entry in entries:
            entry["words"] = words(entry)
        return sorted(entries, key=lambda entry: (datetime.fromisoformat(entry["time"]), entry["type"]))

    async def _timeline(self, request: web.Request, id: str) -> list[Entry]:
        rows = await self._tables.rows(request[CALLER], "timeline", id=id)
        entries: list[Entry] = [orjson.loads(row[0]) for row in rows]
        for entry in entries:
            entry["words"] = words(entry)
        return entries


def difference(before: Entry, after: Entry) -> dict[str, Any]:
    """Fields whose values differ, each with both."""
    return {
        name: {"before": before.get(name), "after": value} for name, value in after.items() if before.get(name) != value
    }


def _state_entry(at: str, state: str, code: str | None, reason: str | None) -> Entry:
    absent = dict.fromkeys(
        ("genesys_conversation_id", "participant_id", "role", "name", "user_id", "queue_id", "changed"), None
    )
    return {"type": "conversation.state_changed", "time": at, "state": state, "code": code, "reason": reason, **absent}
