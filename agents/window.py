"""The duplicate window: which keys the last minutes of one partition of ``events`` hold, and where first."""

from __future__ import annotations

from collections import deque


class DuplicateWindow:
    """First offset of every key, contiguous up to ``end``, exact for decisions at or above ``valid_from``.

    Between one and two times ``span_ms`` of the log is kept, by the broker's append time, so memory is bounded by the
    rate.
    """

    def __init__(self, start: int, valid_from: int, span_ms: int) -> None:
        self.valid_from = valid_from
        self.end = start
        self._span_ms = span_ms
        self._first: dict[str, int] = {}
        #: A key is forgotten with its last record, not its first: a copy of a copy is a copy.
        self._last: dict[str, int] = {}
        self._records: deque[tuple[int, int, tuple[str, ...]]] = deque()

    def add(self, offset: int, timestamp: int, keys: tuple[str, ...]) -> None:
        """Take in the next record; one that is already in is ignored."""
        if offset < self.end:
            return
        for key in keys:
            self._first.setdefault(key, offset)
            self._last[key] = offset
        self._records.append((timestamp, offset, keys))
        self.end = offset + 1
        self._trim(timestamp)

    def skip(self, offset: int) -> None:
        """The next record is of nobody whose copies are looked for here."""
        self.end = max(self.end, offset + 1)

    def is_copy(self, offset: int, keys: tuple[str, ...]) -> bool:
        """True when an earlier record of the window has one of the keys."""
        return any(self._first.get(key, offset) < offset for key in keys)

    def covers(self, offset: int) -> bool:
        """True when a decision about ``offset`` can be made and the record after the window's end can follow."""
        return self.valid_from <= offset <= self.end

    def copy(self) -> DuplicateWindow:
        """An independent window with the same contents."""
        twin = DuplicateWindow(self.end, self.valid_from, self._span_ms)
        twin._first, twin._last = dict(self._first), dict(self._last)
        twin._records = deque(self._records)
        return twin

    def _trim(self, now: int) -> None:
        if self._records[0][0] >= now - 2 * self._span_ms:
            return
        keep_from = now - self._span_ms * 3 // 2
        while self._records[0][0] < keep_from:
            _, offset, keys = self._records.popleft()
            for key in keys:
                if self._last[key] == offset:
                    del self._first[key], self._last[key]
        # A decision needs a whole span of records before it.
        decidable = self._records[0][0] + self._span_ms
        self.valid_from = next((offset for at, offset, _ in self._records if at >= decidable), self.end)
