"""Books: what a platform knows of every message, an oracle for tests that no other code of ours computes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import orjson

Line = TypeVar("Line", bound=Any)


class Books(Generic[Line]):
    """Lines by message id in order of arrival, the newest `capacity` of them."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lines: dict[str, Line] = {}

    def add(self, message_id: str, line: Line) -> Line:
        self._lines[message_id] = line
        if len(self._lines) > self._capacity:
            del self._lines[next(iter(self._lines))]
        return line

    def get(self, message_id: str) -> Line | None:
        return self._lines.get(message_id)

    def __iter__(self) -> Iterator[Line]:
        return iter(self._lines.values())

    def json_lines(self) -> bytes:
        return b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in self)
