"""Health of a process: able to serve (ready), and getting on with its work (live)."""

from __future__ import annotations

import time
from collections.abc import Callable

#: So long may work lie there without any progress.
PATIENCE_SECONDS = 60.0


class Progress:
    """One loop of a process: it lives while it has nothing to do, or did something within ``patience`` seconds."""

    def __init__(self, patience: float = PATIENCE_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._clock = clock
        self._last = clock()
        self._lagging = False

    def advanced(self) -> None:
        """Some work was done, and more may lie there."""
        self._last = self._clock()
        self._lagging = True

    def idle(self) -> None:
        """All work is done."""
        self._last = self._clock()
        self._lagging = False

    def lagging(self) -> None:
        """Work lies there that was not done now; the first call after `idle` starts the patience."""
        if not self._lagging:
            self._last = self._clock()
        self._lagging = True

    @property
    def live(self) -> bool:
        """False when work lies there and nothing was done for too long."""
        return not self._lagging or self._clock() - self._last <= self._patience


class Health:
    """What a process waits for before it can serve, by part; ready when it waits for nothing."""

    def __init__(self, *parts: str) -> None:
        self._waiting: dict[str, Callable[[], str | None]] = {}
        self._reasons: dict[str, str] = dict.fromkeys(parts, "is starting")
        self._progress: dict[str, Progress] = {}

    def waits(self, part: str, reason: str) -> None:
        """``part`` cannot serve, for that reason."""
        self._reasons[part] = reason

    def serves(self, part: str) -> None:
        """``part`` can serve."""
        self._reasons.pop(part, None)

    def check(self, part: str, reason: Callable[[], str | None]) -> None:
        """Ask ``reason`` each time: why the part cannot serve, None when it can."""
        self._waiting[part] = reason

    def watch(self, part: str, progress: Progress) -> None:
        """Let the process count as dead when ``progress`` stalls."""
        self._progress[part] = progress

    @property
    def reasons(self) -> dict[str, str]:
        """Why the process cannot serve, by part; empty when it can."""
        asked = {part: reason for part, check in self._waiting.items() if (reason := check())}
        return {**self._reasons, **asked}

    @property
    def ready(self) -> bool:
        """True when every part can serve."""
        return not self.reasons

    @property
    def stalled(self) -> list[str]:
        """Parts that have work and do not get on with it."""
        return [part for part, progress in self._progress.items() if not progress.live]

    def live(self) -> bool:
        """Progress while there is lag."""
        return not self.stalled
