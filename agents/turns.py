"""Turns: what becomes ready at once goes on a few at a time, so that a bunch does not stay a bunch.

Calls that one acknowledgement let go are answered together, and a loop that works all their answers off in one pass
lets nothing be appended meanwhile: then the attempts that follow wait for one another's work and are acknowledged
together again. In short passes the first of them is on its way while the others are worked off.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial

#: So many go on in one pass of the loop.
AT_ONCE = 2
#: Of its time, what a process spends computing when it has none to spare: its threads compute one at a time.
BUSY_SHARE = 0.85
#: Seconds between two looks at how busy the process is.
LOOK = 0.5


class Load:
    """How busy this process was lately, by a clock and by what it has computed, both in seconds."""

    def __init__(self, clock: Callable[[], float], spent: Callable[[], float]) -> None:
        self._clock = clock
        self._spent = spent
        self._looked_at, self._spent_then = clock(), spent()
        self._is_busy = False

    def is_busy(self) -> bool:
        """True when there was no time to spare."""
        now = self._clock()
        passed = now - self._looked_at
        if passed >= LOOK:
            spent = self._spent()
            self._is_busy = spent - self._spent_then > BUSY_SHARE * passed
            self._looked_at, self._spent_then = now, spent
        return self._is_busy


class Turns:
    """The turns of one loop.

    Smaller appends cost more for each record. So while ``is_busy`` says that there is no time to spare, nobody waits.
    """

    def __init__(self, is_busy: Callable[[], bool]) -> None:
        self._is_busy = is_busy
        self._waiting: deque[Callable[[], object]] = deque()

    def give(self, go_on: Callable[[], object]) -> None:
        """Call ``go_on`` when its turn has come."""
        if not self._waiting:
            if self._is_busy():
                go_on()
                return
            asyncio.get_running_loop().call_soon(self._next)
        self._waiting.append(go_on)

    async def come(self) -> None:
        """Return when the caller's turn has come."""
        if not self._waiting and self._is_busy():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.give(partial(_come, turn))
        await turn

    def _next(self) -> None:
        waiting = len(self._waiting)
        for _ in range(waiting if self._is_busy() else min(AT_ONCE, waiting)):
            self._waiting.popleft()()
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._next)


def _come(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)
