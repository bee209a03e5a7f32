"""Token buckets of OAuth clients and business numbers: in memory on the hot path, written behind to a Faust table."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from agents.waiting import set_within
from schemas.tenant import PLATFORMS

#: What may go out at once, in seconds of the allowance.
BURST_SECONDS = 3.0
#: Ends of windows that differ by less are one: the platform rounds to seconds, and clocks drift.
SAME_WINDOW = 10.0
#: Seconds by which each rank stands behind the one before.
AGEING = 5.0


@dataclass(slots=True)
class TokenBucket:
    """Refills continuously at ``allowed`` a minute, and never gives more than the platform's own window has left.

    Starts empty, never full, so that a takeover cannot double a burst. Between `take` and `done` a call is in flight.
    """

    allowed: float
    #: Monotonic seconds at which ``level`` was true.
    at: float
    level: float = 0.0
    frozen_until: float = 0.0
    changed: bool = False
    burst_seconds: float = BURST_SECONDS
    in_flight: int = 0
    #: Of those in flight, the calls that have been made and have no answer yet.
    made: int = 0
    #: What the platform counted in the window that ends between these two moments; until the later one it counts.
    used: int = 0
    window_end_earliest: float = 0.0
    window_end: float = 0.0

    def wait(self, now: float) -> float:
        """Seconds until one permit can be taken; 0 when it can be taken now."""
        self._refill(now)
        window = self.window_end - now if self.used + self.in_flight >= self.allowed else 0.0
        return max(0.0, self.frozen_until - now, (1.0 - self.level) * 60.0 / self.allowed, window)

    def take(self, now: float) -> None:
        """Use up one permit; call `done` when its call has ended, or will not be made."""
        self._refill(now)
        self.level -= 1.0
        self.in_flight += 1
        self.changed = True

    def forbids(self, now: float) -> bool:
        """True when the platform has said, perhaps since the permit was given, that a call now is one too many."""
        return now < self.frozen_until or (self.used + self.made >= self.allowed and now < self.window_end)

    def making(self) -> _Making:
        """Around a call: until its answer has come, it may be one that the platform has not told of."""
        return _Making(self)

    def done(self) -> None:
        """A call that had a permit has ended."""
        self.in_flight -= 1

    def observe(self, now: float, used: int, allowed: int, reset: float, took: float = 0.0) -> None:
        """Correct by what the platform said: ``used`` of ``allowed`` calls in a window that ends in ``reset`` seconds.

        It said so at some moment of the ``took`` seconds that the call lasted. The last allowance seen replaces the
        configured one, in both directions (genesys.md section 8).
        """
        self._refill(now)
        self.allowed = float(max(1, allowed))
        self._count(now - took + reset, now + reset, used)
        self.changed = True

    def freeze(self, now: float, seconds: float) -> None:
        """The platform refused for its rate: nothing goes out for ``seconds``."""
        self.frozen_until = max(self.frozen_until, now + seconds)
        self.changed = True

    def _count(self, earliest: float, latest: float, used: int) -> None:
        """Answers overtake each other, and their windows tell which is newer: within one, the highest count."""
        if earliest > self.window_end + SAME_WINDOW:
            self.used, self.window_end_earliest, self.window_end = used, earliest, latest
        elif latest > self.window_end_earliest - SAME_WINDOW:
            self.used = max(self.used, used)
            self.window_end_earliest = max(self.window_end_earliest, earliest)
            self.window_end = min(self.window_end, latest)

    def _refill(self, now: float) -> None:
        burst = max(1.0, self.allowed * self.burst_seconds / 60.0)
        # What was not to be used while frozen is not there afterwards: it would be refused again.
        since = min(now, max(self.at, self.frozen_until))
        self.level = min(burst, self.level + max(0.0, now - since) * self.allowed / 60.0)
        self.at = now
        if now >= self.window_end:
            self.used = 0


class _Making:
    """One call that was made and has no answer yet."""

    __slots__ = ("_bucket",)

    def __init__(self, bucket: TokenBucket) -> None:
        self._bucket = bucket

    def __enter__(self) -> None:
        self._bucket.made += 1

    def __exit__(self, *_: object) -> None:
        self._bucket.made -= 1


@dataclass(order=True, slots=True)
class _Waiter:
    #: Instant of asking, later by AGEING for each rank: so the bound of any wait is the budget's, plus that.
    key: float
    number: int
    turn: asyncio.Event = field(compare=False, default_factory=asyncio.Event)


class PermitQueue:
    """Those who wait for permits of the same buckets, the most urgent first.

    A waiter of rank n stands behind those of rank 0 that asked up to n times AGEING seconds after it, and behind no
    later ones: nobody starves.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._numbers = itertools.count()
        self._waiters: list[_Waiter] = []

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiters)

    async def permit(self, buckets: list[TokenBucket], rank: int) -> int:
        """Wait for a permit of any of the buckets; returns the index of the one that gave it."""
        if not self._waiters:
            best, delay = self._soonest(buckets)
            if delay <= 0.0:
                return best
        me = _Waiter(self._clock() + rank * AGEING, next(self._numbers))
        heapq.heappush(self._waiters, me)
        try:
            while True:
                if self._waiters[0] is not me:
                    await self._turn(me, None)
                    continue
                best, delay = self._soonest(buckets)
                if delay <= 0.0:
                    return best
                # Capped, because an answer in flight may change the allowance while this one waits; and never so short
                # that the clock does not move.
                await self._turn(me, min(max(delay, 0.001), 1.0))
        finally:
            self._waiters.remove(me)
            heapq.heapify(self._waiters)
            if self._waiters:
                self._waiters[0].turn.set()

    def _soonest(self, buckets: list[TokenBucket]) -> tuple[int, float]:
        """Index of the bucket with the shortest wait, and that wait; the permit is taken when the wait is 0."""
        now = self._clock()
        waits = [bucket.wait(now) for bucket in buckets]
        delay = min(waits)
        best = waits.index(delay)
        if delay <= 0.0:
            buckets[best].take(now)
        return best, delay

    async def _turn(self, me: _Waiter, delay: float | None) -> None:
        if await set_within(me.turn, delay):
            me.turn.clear()


class RateTable:
    """All buckets of a sender, by name (``genesys:<client id>``, ``whatsapp:<phone_number_id>``) and partition.

    ``recall`` reads the row that the last owner left in the Faust table: {"level", "allowed"}.
    """

    def __init__(self, clock: Callable[[], float], recall: Callable[[str], dict[str, float] | None]) -> None:
        self._clock = clock
        self._recall = recall
        self._buckets: dict[str, tuple[int, TokenBucket]] = {}
        self._queues: dict[str, PermitQueue] = {}
        #: Buckets of partitions that went away, while the platform's last word to them is of use, or still to come.
        self._left: dict[str, TokenBucket] = {}

    def bucket(self, name: str, partition: int, configured: int) -> TokenBucket:
        """The bucket of that name; made from the table's row, else empty at the configured allowance."""
        known = self._buckets.get(name)
        if known is None:
            row, now = self._recall(name) or {}, self._clock()
            bucket = self._left.pop(name, None)
            if bucket is None:
                bucket = TokenBucket(allowed=row.get("allowed", float(configured)), at=now)
            bucket.level, bucket.at = min(0.0, row.get("level", 0.0)), now
            known = self._buckets[name] = (partition, bucket)
        return known[1]

    async def permit(self, queue: str, buckets: list[TokenBucket], rank: int) -> int:
        """Wait in ``queue`` for a permit of any of the buckets; returns the index of the one that gave it."""
        if queue not in self._queues:
            self._queues[queue] = PermitQueue(self._clock)
        return await self._queues[queue].permit(buckets, rank)

    def waiting(self) -> Counter[str]:
        """How many wait for a permit, by platform."""
        return Counter({p: sum(len(q) for n, q in self._queues.items() if n.startswith(f"{p}:")) for p in PLATFORMS})

    def most_used(self) -> float:
        """The largest share of its window that a platform counted for one bucket; 0 where it tells of none."""
        now = self._clock()
        used = (bucket.used / bucket.allowed for _, bucket in self._buckets.values() if now < bucket.window_end)
        return max(used, default=0.0)

    def changes(self, limit: int | None = None) -> Iterator[tuple[int, str, dict[str, float]]]:
        """Rows to write behind: (partition, name, row) of buckets that changed since their row was last given.

        At most ``limit`` of them, in turns: those that were left out come before those that were given.
        """
        changed = [name for name, (_, bucket) in self._buckets.items() if bucket.changed]
        for name in changed[:limit]:
            partition, bucket = self._buckets[name] = self._buckets.pop(name)
            bucket.changed = False
            yield partition, name, {"level": round(bucket.level, 3), "allowed": bucket.allowed}

    def drop_partition(self, partition: int) -> None:
        """The partition went to another owner.

        Should it come back soon, its buckets start empty as others do, but know what the platform has said of the time
        that is still to come, be it in an answer that came after the partition had gone.
        """
        now = self._clock()
        for name in [name for name, (owner, _) in self._buckets.items() if owner == partition]:
            self._left[name] = self._buckets.pop(name)[1]
        self._left = {n: b for n, b in self._left.items() if b.in_flight or max(b.frozen_until, b.window_end) > now}
