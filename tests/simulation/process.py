"""A simulated process: it can be stopped, woken and killed at any await of its ports."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any


def resolve(future: asyncio.Future[Any], result: Any) -> None:
    """Give a future its result, unless it was cancelled."""
    if not future.done():
        future.set_result(result)


def fail(future: asyncio.Future[Any], error: BaseException) -> None:
    """Give a future its error, unless it was cancelled."""
    if not future.done():
        future.set_exception(error)


class Killed(BaseException):
    """Raised inside a killed process wherever it next touches the world."""


class Process:
    """Its ports pass `gate` on entry and on return: a stopped process waits there, a dead one gets no further."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.dead = False
        #: No packet passes between it and the broker.
        self.cut = False
        #: Its next append ends in an error.
        self.fails_append = False
        self.stopped = False
        #: What happens to it while it is stopped, in order.
        self._deferred: deque[Callable[[], object]] = deque()

    @property
    def reachable(self) -> bool:
        """True while the broker hears its heartbeats."""
        return not (self.dead or self.cut or self.stopped)

    async def gate(self) -> None:
        """Wait while the process is stopped. Raises Killed once it is dead."""
        while self.stopped:
            woken = asyncio.get_running_loop().create_future()
            self._deferred.append(partial(resolve, woken, None))
            await woken
        if self.dead:
            raise Killed(self.name)

    def tell(self, news: Callable[[], object]) -> None:
        """What comes from outside: at once, when it runs again, or never."""
        if self.stopped:
            self._deferred.append(news)
        elif not self.dead:
            news()

    def stop(self) -> None:
        """SIGSTOP."""
        self.stopped = not self.dead

    def wake(self) -> None:
        """SIGCONT."""
        self.stopped = False
        while self._deferred and not self.stopped:
            self._deferred.popleft()()

    def kill(self) -> None:
        """SIGKILL."""
        self.dead = True
        self.stopped = False
        self._deferred.clear()
