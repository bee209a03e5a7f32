"""Calls in flight of a whole process: bounded, and shared so that those who do not answer cannot take every slot."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

#: No answer for so long, while a call is under way, makes a destination a doubtful one, which gets few further slots.
PATIENCE = 1.0
#: Of all slots: what one trusted destination, what all doubtful ones together, and what one of these may hold at most.
TRUSTED_SHARE = 2
DOUBTFUL_SHARE = 2
ONE_DOUBTFUL_SHARE = 16


class Standing:
    """What a destination's calls have shown lately, and how many slots it holds.

    Trusted is whose newest call was answered, and who has not been silent for PATIENCE with a call under way; a refusal
    is an answer too. So a silent platform holds a few slots from the start, and one that falls silent stops taking
    more; one that answers slowly but steadily goes on.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.held = 0
        self._clock = clock
        self._answered = False
        self._answered_at = 0.0
        #: Start of each call under way, the oldest first.
        self._calls: dict[object, float] = {}

    def call(self) -> _Call:
        """Around a call whose slot is held."""
        return _Call(self._calls, self._clock())

    def ended(self, answered: bool) -> None:
        """How its newest call ended."""
        self._answered = answered
        if answered:
            self._answered_at = self._clock()

    @property
    def trusted(self) -> bool:
        """True when it may be expected to give its slots back soon."""
        if not self._answered:
            return False
        oldest = next(iter(self._calls.values()), None)
        return oldest is None or self._clock() - max(oldest, self._answered_at) < PATIENCE


class _Call:
    """One call under way: a class, because a generator as context manager takes five times as long, on each call."""

    __slots__ = ("_calls", "_started")

    def __init__(self, calls: dict[object, float], started: float) -> None:
        self._calls = calls
        self._started = started

    def __enter__(self) -> None:
        self._calls[self] = self._started

    def __exit__(self, *_: object) -> None:
        del self._calls[self]


class Slots:
    """Hands out ``total`` slots, the destinations that wait taking turns."""

    def __init__(self, total: int) -> None:
        self._free = total
        self._of_one_trusted = max(1, total // TRUSTED_SHARE)
        self._of_the_doubtful = max(1, total // DOUBTFUL_SHARE)
        self._of_one_doubtful = max(1, total // ONE_DOUBTFUL_SHARE)
        self._holders: set[Standing] = set()
        self._waiting: dict[Standing, deque[asyncio.Future[None]]] = {}

    @property
    def held(self) -> int:
        """Slots that are taken."""
        return sum(holder.held for holder in self._holders)

    @property
    def waiting(self) -> int:
        """How many wait for one."""
        return sum(not turn.done() for turns in self._waiting.values() for turn in turns)

    def slot(self, standing: Standing) -> _Slot:
        """Hold a slot for a destination; waits for one."""
        return _Slot(self, standing)

    async def take(self, standing: Standing) -> None:
        """Return with a slot, which has to be given back."""
        if self._waiting or not self._take(standing):
            await self._wait(standing)

    async def _wait(self, standing: Standing) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(standing, deque()).append(turn)
        self._serve()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.give_back(standing)
            raise

    def _take(self, standing: Standing) -> bool:
        """Take a slot if the destination may have one now."""
        if self._free == 0:
            return False
        if standing.trusted:
            if standing.held >= self._of_one_trusted:
                return False
        elif standing.held >= self._of_one_doubtful or self._held_by_doubtful() >= self._of_the_doubtful:
            return False
        self._free -= 1
        standing.held += 1
        self._holders.add(standing)
        return True

    def _held_by_doubtful(self) -> int:
        return sum(holder.held for holder in self._holders if not holder.trusted)

    def give_back(self, standing: Standing) -> None:
        """The holder needs it no longer."""
        self._free += 1
        standing.held -= 1
        if not standing.held:
            self._holders.discard(standing)
        if self._waiting:
            self._serve()

    def _serve(self) -> None:
        """Give slots to those who wait and may have one, in turns: whoever got one goes to the end of the row."""
        passed, full = 0, False
        while self._free and passed < len(self._waiting):
            standing, turns = next(iter(self._waiting.items()))
            del self._waiting[standing]
            while turns and turns[0].done():
                turns.popleft()
            if turns and not (full and not standing.trusted):
                if self._take(standing):
                    turns.popleft().set_result(None)
                    passed = 0
                else:
                    # Asked once a time: a whole region may be away.
                    full = full or (not standing.trusted and standing.held < self._of_one_doubtful)
                    passed += 1
            elif turns:
                passed += 1
            if turns:
                self._waiting[standing] = turns


class _Slot:
    """A slot while it is held."""

    __slots__ = ("_slots", "_standing")

    def __init__(self, slots: Slots, standing: Standing) -> None:
        self._slots = slots
        self._standing = standing

    async def __aenter__(self) -> None:
        await self._slots.take(self._standing)

    async def __aexit__(self, *_: object) -> None:
        self._slots.give_back(self._standing)
