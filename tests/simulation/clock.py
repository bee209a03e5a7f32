"""An event loop whose time is virtual: waiting costs nothing, and one seed is one run."""

from __future__ import annotations

import asyncio
import heapq
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

#: So many callbacks at one instant mean that something goes round in circles without waiting.
AT_ONE_INSTANT = 200_000


class Deadlock(AssertionError):
    """Nothing can ever happen again, or the clock cannot move, and the run has not ended."""


class _Handle:
    __slots__ = ("args", "callback", "cancelled_")

    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.callback = callback
        self.args = args
        self.cancelled_ = False

    def cancel(self) -> None:
        self.cancelled_ = True

    def cancelled(self) -> bool:
        return self.cancelled_


class VirtualLoop:
    """As much of an event loop as tasks, futures and timers of asyncio ask for.

    `time` moves only when nothing is left to do at the present instant. It has no files, threads, signals and context
    variables: nothing here uses them, and they are most of what a turn of asyncio's own loop costs.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._ready: deque[_Handle] = deque()
        self._timers: list[tuple[float, int, _Handle]] = []
        self._number = 0
        self._closed = False
        #: What tasks raised and nobody asked for.
        self.unheard: list[BaseException] = []

    def time(self) -> float:
        return self._now

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        handle = _Handle(callback, args)
        self._ready.append(handle)
        return handle

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        return self.call_at(self._now + delay, callback, *args)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        handle = _Handle(callback, args)
        self._number += 1
        heapq.heappush(self._timers, (when, self._number, handle))
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        loop: Any = self
        return asyncio.Future(loop=loop)

    def create_task(self, coro: Any, *, name: str | None = None, context: Any = None) -> asyncio.Task[Any]:
        loop: Any = self
        return asyncio.Task(coro, loop=loop, name=name)

    def get_debug(self) -> bool:
        return False

    def is_closed(self) -> bool:
        return self._closed

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException) and not self._closed:
            self.unheard.append(error)

    def run_until_complete(self, main: Coroutine[Any, Any, T]) -> T:
        loop: Any = self
        events._set_running_loop(loop)
        try:
            task: asyncio.Task[T] = self.create_task(main)
            while not task.done():
                self._turn()
            return task.result()
        finally:
            events._set_running_loop(None)

    def close(self) -> None:
        """What still waits, waits for ever."""
        self._closed = True
        self._ready.clear()
        self._timers.clear()

    def _turn(self) -> None:
        """Do all that is due at this instant, or move to the next one."""
        ready, timers = self._ready, self._timers
        if not ready:
            while timers and timers[0][2].cancelled_:
                heapq.heappop(timers)
            if not timers:
                raise Deadlock("every task waits for something that will not happen")
            self._now = max(self._now, timers[0][0])
        done = 0
        while ready or (timers and timers[0][0] <= self._now):
            while timers and timers[0][0] <= self._now:
                ready.append(heapq.heappop(timers)[2])
            for _ in range(len(ready)):
                handle = ready.popleft()
                if not handle.cancelled_:
                    handle.callback(*handle.args)
                    done += 1
            if done > AT_ONE_INSTANT:
                raise Deadlock(f"the clock stands still at {self._now}")


def run_virtually(main: Coroutine[Any, Any, T]) -> T:
    """Run ``main`` on a loop of its own until it ends; whatever else it started is left where it is."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()
