"""A simulated process: it can be stopped, woken and killed at any await of its ports."""

from __future__ import annotations

import asyncio


class Killed(BaseException):
    """Raised inside a killed process wherever it next touches the world."""


class Process:
    """Its ports pass `gate` on entry and on return: a stopped process waits there, a dead one gets no further."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.dead = False
        #: No packet passes between it and the broker.
        self.cut = False
        self._running = asyncio.Event()
        self._running.set()

    @property
    def stopped(self) -> bool:
        return not self._running.is_set()

    @property
    def reachable(self) -> bool:
        """True while the broker hears its heartbeats."""
        return not (self.dead or self.cut or self.stopped)

    async def gate(self) -> None:
        """Wait while the process is stopped. Raises Killed once it is dead."""
        await self._running.wait()
        if self.dead:
            raise Killed(self.name)

    def stop(self) -> None:
        """SIGSTOP."""
        self._running.clear()

    def wake(self) -> None:
        """SIGCONT."""
        self._running.set()

    def kill(self) -> None:
        """SIGKILL."""
        self.dead = True
        self._running.set()
