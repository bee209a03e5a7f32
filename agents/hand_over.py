"""Sees to it that Faust hands over what the consumer group has assigned to this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from agents.rate_rows import LIMIT, stuck
from streams.settings import Settings


class HandOver:
    """Looks now and then whether a partition is assigned and nobody here owns it.

    Faust has several ways to wait for ever between an assignment and its word of it, most in the recovery of tables. A
    process that it does not tell of a partition keeps that partition from every other sender, so it has to end.
    """

    def __init__(
        self,
        settings: Settings,
        assigned: Callable[[], Iterable[int]],
        owns: Callable[[int], bool],
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._assigned = assigned
        self._owns = owns
        self._clock = clock
        self._since: dict[int, float] = {}

    async def check(self) -> None:
        """Raises RateRowsStuck when a partition has been assigned for LIMIT seconds without an owner here."""
        now = self._clock()
        missing = [number for number in self._assigned() if not self._owns(number)]
        self._since = {number: self._since.get(number, now) for number in missing}
        late = sorted(number for number, since in self._since.items() if now - since >= LIMIT)
        if late:
            raise stuck(self._settings, f"Faust has not handed over partitions {late}", LIMIT)
