"""Token buckets of OAuth clients and business numbers: in memory on the hot path, written behind to a Faust table."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

#: Share of a minute's allowance that may go out at once.
BURST_SHARE = 1 / 20
#: Calls a minute of one WhatsApp business number: 80 a second (whatsapp.md section 5.3).
WHATSAPP_CALLS_PER_MINUTE = 4800


@dataclass(slots=True)
class TokenBucket:
    """Refills continuously at ``allowed`` a minute.

    Starts empty, never full, so that a takeover cannot double a burst.
    """

    allowed: float
    #: Monotonic seconds at which ``level`` was true.
    at: float
    level: float = 0.0
    frozen_until: float = 0.0
    changed: bool = False

    def wait(self, now: float) -> float:
        """Seconds until one permit can be taken; 0 when it can be taken now."""
        self._refill(now)
        missing = max(0.0, 1.0 - self.level)
        return max(self.frozen_until - now, missing * 60.0 / self.allowed)

    def take(self, now: float) -> None:
        """Use up one permit."""
        self._refill(now)
        self.level -= 1.0
        self.changed = True

    def observe(self, now: float, used: int, allowed: int, reset: float) -> None:
        """Correct by what the platform said: ``used`` of ``allowed`` calls in a window that ends in ``reset`` seconds.

        The last allowance seen replaces the configured one, in both directions (genesys.md section 8).
        """
        self._refill(now)
        self.allowed = float(max(1, allowed))
        left = allowed - used
        if left <= 0:
            self.frozen_until = max(self.frozen_until, now + reset)
        self.level = min(self.level, float(max(0, left)))
        self.changed = True

    def freeze(self, now: float, seconds: float) -> None:
        """The platform refused for its rate: nothing goes out for ``seconds``."""
        self.frozen_until = max(self.frozen_until, now + seconds)
        self.changed = True

    def _refill(self, now: float) -> None:
        burst = max(1.0, self.allowed * BURST_SHARE)
        self.level = min(burst, self.level + max(0.0, now - self.at) * self.allowed / 60.0)
        self.at = now


class RateTable:
    """All buckets of a sender, by name (``genesys:<client id>``, ``whatsapp:<phone_number_id>``) and partition.

    ``recall`` reads the row that the last owner left in the Faust table: {"level", "allowed"}.
    """

    def __init__(self, clock: Callable[[], float], recall: Callable[[str], dict[str, float] | None]) -> None:
        self._clock = clock
        self._recall = recall
        self._buckets: dict[str, tuple[int, TokenBucket]] = {}
        self._queues: dict[str, asyncio.Lock] = {}

    def bucket(self, name: str, partition: int, configured: int) -> TokenBucket:
        """The bucket of that name; made from the table's row, else empty at the configured allowance."""
        known = self._buckets.get(name)
        if known is None:
            row = self._recall(name) or {}
            bucket = TokenBucket(allowed=row.get("allowed", float(configured)), at=self._clock())
            bucket.level = min(0.0, row.get("level", 0.0))
            known = self._buckets[name] = (partition, bucket)
        return known[1]

    async def permit(self, queue: str, buckets: list[TokenBucket]) -> int:
        """Wait in the order of asking for a permit of any of the buckets; returns the index of the one that gave it."""
        async with self._queues.setdefault(queue, asyncio.Lock()):
            while True:
                now = self._clock()
                waits = [bucket.wait(now) for bucket in buckets]
                best = min(range(len(waits)), key=waits.__getitem__)
                if waits[best] <= 0.0:
                    buckets[best].take(now)
                    return best
                # Capped, because an answer in flight may change the allowance while this one waits.
                await asyncio.sleep(min(waits[best], 1.0))

    def changes(self) -> Iterator[tuple[int, str, dict[str, float]]]:
        """Rows to write behind: (partition, name, row) of every bucket that changed since the last call."""
        for name, (partition, bucket) in self._buckets.items():
            if bucket.changed:
                bucket.changed = False
                yield partition, name, {"level": round(bucket.level, 3), "allowed": bucket.allowed}

    def drop_partition(self, partition: int) -> None:
        """Forget the buckets of a partition that went to another owner."""
        for name in [name for name, (owner, _) in self._buckets.items() if owner == partition]:
            del self._buckets[name]
