"""What a platform allows: a fixed window of calls and a bucket of permits, both driven by the caller's clock."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field


class LimitsChange(BaseModel):
    """Body of `PUT /_simulator/limits`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tenant: str
    calls_per_minute: float | None = Field(default=None, gt=0)
    #: WhatsApp only: whether free-form messages need an inbound message of the last 24 hours.
    customer_window: bool | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What a fixed window said to one call; `reset` is whole seconds until the next window."""

    granted: bool
    count: int
    allowed: int
    reset: int


class FixedWindow:
    """At most `allowed` calls in each window of `seconds`; the first call opens a window (genesys.md section 8)."""

    def __init__(self, allowed: int, seconds: float = 60.0) -> None:
        self.allowed = allowed
        self._seconds = seconds
        self._ends = -math.inf
        self._count = 0

    def take(self, now: float) -> Taken:
        if now >= self._ends:
            self._ends = now + self._seconds
            self._count = 0
        granted = self._count < self.allowed
        self._count += granted
        return Taken(granted, self._count, self.allowed, max(1, math.ceil(self._ends - now)))


class TokenBucket:
    """Permits that grow at `per_second` up to `capacity`; starts full."""

    def __init__(self, per_second: float, capacity: float) -> None:
        self._per_second = per_second
        self._capacity = capacity
        self._level = capacity
        self._at = -math.inf

    def take(self, now: float) -> bool:
        if self._at > -math.inf:
            self._level = min(self._capacity, self._level + (now - self._at) * self._per_second)
        self._at = now
        granted = self._level >= 1
        self._level -= granted
        return granted
