"""Threads of a destination whose further deliveries stay in the log, because they hold their share of its places."""

from __future__ import annotations


class PassedOver:
    """The first offset from which each such thread has to be read again.

    Once a thread has room the sweep *goes back* there, and on from where it had been as soon as all for whom it went
    back are full again: of all others everything in between is queued, finished, or remembered here as well.
    """

    def __init__(self) -> None:
        self._first: dict[str, int] = {}
        #: Lanes for which the sweep went back, and how far it had been.
        self._returning: set[str] = set()
        self._reached = 0

    def __bool__(self) -> bool:
        return bool(self._first)

    def __contains__(self, lane: str) -> bool:
        return lane in self._first

    def lowest(self) -> int | None:
        """The first offset of all."""
        return min(self._first.values(), default=None)

    def is_behind_another(self, lane: str, offset: int) -> bool:
        """True when an earlier delivery of the lane stayed in the log."""
        return self._first.get(lane, offset) < offset

    def pass_over(self, lane: str, offset: int) -> int:
        """Remember the lane; returns the offset below which nothing has to be read again for the others."""
        self._first[lane] = min(self._first.get(lane, offset), offset)
        if lane not in self._returning:
            return 0
        self._returning.remove(lane)
        return 0 if self._returning else self._reached

    def take_up(self, lane: str) -> None:
        """The first delivery of the lane has a place now: if the lane was passed over, the sweep is on its way back."""
        if self._first.pop(lane, None) is not None:
            self._returning.add(lane)

    def go_back(self, lane: str, position: int) -> int:
        """The offset from which the lane is read again; ``position`` is how far the destination was read."""
        if position >= self._reached:
            self._reached = position
            self._returning.clear()
        self._returning.add(lane)
        return self._first.pop(lane)
