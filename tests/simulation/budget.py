"""The budget of one Genesys OAuth client, as the platform counts it, and what each process has been told of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer said: so many calls were counted in the window that began then."""

    began: float
    count: int
    #: Until when nothing more may be sent.
    frozen_until: float = 0.0


@dataclass(slots=True)
class Budget:
    """A fixed window, opened by its first call (genesys.md section 8), and the knowledge of every caller."""

    allowed: int
    began: float = -SECONDS
    count: int = 0
    #: What each process was told last, and how many of its calls have no answer yet.
    told: dict[str, Told] = field(default_factory=dict)
    in_flight: dict[str, int] = field(default_factory=dict)
    used_up: int = 0

    def take(self, now: float, calls: int = 1) -> bool:
        """Count calls; False when they are over the budget."""
        if now - self.began >= SECONDS:
            self.began, self.count = now, 0
        granted = self.count + calls <= self.allowed
        if granted:
            self.count += calls
        else:
            self.used_up += 1
        return granted

    def reset(self, now: float) -> int:
        """Whole seconds until the next window."""
        return max(1, math.ceil(self.began + SECONDS - now))

    def headers(self, now: float) -> dict[str, str]:
        return {
            "inin-ratelimit-count": str(self.count),
            "inin-ratelimit-allowed": str(self.allowed),
            "inin-ratelimit-reset": str(self.reset(now)),
        }

    def knew(self, process: str) -> Told:
        return self.told.get(process, Told(-SECONDS, 0))

    def tell(self, process: str, began: float, count: int) -> None:
        """An answer with its headers reached a process; answers overtake each other."""
        known = self.knew(process)
        if began > known.began or (began == known.began and count > known.count):
            self.told[process] = Told(began, count, known.frozen_until)

    def freeze(self, process: str, until: float) -> None:
        """A 429 with ``Retry-After`` reached a process."""
        known = self.knew(process)
        self.told[process] = Told(known.began, known.count, max(known.frozen_until, until))
