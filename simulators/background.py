"""Work that goes on after an answer: tasks that are held until done, and lanes that keep the order of a customer."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

_LOG = logging.getLogger(__name__)

Work = Coroutine[Any, Any, None]


class Background:
    """Tasks of one simulator; a failure is logged, none outlives `stop`."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Work) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _LOG.error("background work of a simulator failed", exc_info=task.exception())

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Lanes:
    """Runs the work of one key in order, keys side by side; `parallel` gives up the order."""

    def __init__(self, background: Background, parallel: bool) -> None:
        self._background = background
        self._parallel = parallel
        self._waiting: dict[tuple[str, str], deque[Callable[[], Work]]] = {}

    def add(self, key: tuple[str, str], work: Callable[[], Work]) -> None:
        if self._parallel:
            self._background.start(work())
        elif key in self._waiting:
            self._waiting[key].append(work)
        else:
            self._waiting[key] = deque([work])
            self._background.start(self._drain(key))

    async def _drain(self, key: tuple[str, str]) -> None:
        waiting = self._waiting[key]
        try:
            while waiting:
                await waiting.popleft()()
        finally:
            del self._waiting[key]
