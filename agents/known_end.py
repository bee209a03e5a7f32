"""How far a sender knows its partition of ``outcomes``: what it has folded, and behind that nothing but its own."""

from __future__ import annotations


class KnownEnd:
    """The end of what is known of one partition.

    An acknowledgement names the offset of its record. Where every offset between the last folded record and that one is
    acknowledged as ours, nobody else's record lies before it: that proves what reading the record back would prove,
    without waiting for it to be read.
    """

    def __init__(self) -> None:
        #: First offset of which nothing is known.
        self._end = 0
        #: Ours, beyond a record that is not.
        self._beyond: set[int] = set()
        self._last = -1
        self._offsets_are_told = True

    def folded(self, end: int) -> None:
        """Everything below ``end`` has been folded."""
        if end > self._end:
            self._end = end
            if self._beyond:
                self._beyond = {offset for offset in self._beyond if offset >= end}
                self._advance()

    def acknowledged(self, offset: int) -> None:
        """The record at ``offset`` is ours; called in the order of the appends."""
        # Of a repeated batch a broker may not know any more where it lies: it says -1, and the client counts on.
        self._offsets_are_told = self._offsets_are_told and offset > self._last
        self._last = offset
        if self._offsets_are_told and offset >= self._end:
            self._beyond.add(offset)
            self._advance()

    def covers(self, offset: int) -> bool:
        """True when the record at ``offset``, and all that lies before it, is folded or ours."""
        return self._offsets_are_told and offset < self._end

    def _advance(self) -> None:
        while self._end in self._beyond:
            self._beyond.remove(self._end)
            self._end += 1
