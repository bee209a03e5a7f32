"""The ledger: every call that a platform received, in order of arrival."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import orjson


@dataclass(slots=True)
class Row:
    """One call received. `status` is None while it is unanswered, and for ever if no answer went out."""

    n: int
    at: datetime
    tenant: str | None
    operation: str
    customer: str | None
    id: str | None
    body: object
    status: int | None = None
    accepted: bool = False


class Ledger:
    """Rows numbered from 1, the newest `capacity` of them kept in memory."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._rows: list[Row] = []
        self._dropped = 0

    def open(
        self,
        at: float,
        operation: str,
        *,
        tenant: str | None,
        customer: str | None,
        id: str | None,
        body: object,
    ) -> Row:
        """Books a call as it arrives (`at`: Unix seconds); its caller fills in `status` and `accepted` later."""
        number = self._dropped + len(self._rows) + 1
        row = Row(number, datetime.fromtimestamp(at, UTC), tenant, operation, customer, id, body)
        self._rows.append(row)
        # Trimmed by a tenth at a time, so that the cost of shifting the list is spread over many rows.
        if len(self._rows) > self._capacity * 1.1:
            surplus = len(self._rows) - self._capacity
            del self._rows[:surplus]
            self._dropped += surplus
        return row

    def after(self, number: int, limit: int | None = None) -> list[Row]:
        """Rows numbered above `number`, at most `limit`."""
        start = max(0, number - self._dropped)
        return self._rows[start : None if limit is None else start + limit]


def json_lines(rows: list[Row]) -> bytes:
    return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
