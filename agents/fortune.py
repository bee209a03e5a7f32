"""Is a delivery at fault, or its platform? What others of the same channel met since its last try tells."""

from __future__ import annotations

from collections import Counter

#: Of the others' calls so many must have got through for each that did not: in a brown-out everybody fails at times.
TAKEN_FOR_EACH_FAILED = 9


class Fortune:
    """How the calls of one destination fared, by channel: two numbers each."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()

    def of(self, channel: str) -> Others:
        """Begin to watch what others of ``channel`` meet."""
        return Others(self, channel)


class Others:
    """What the neighbours of one delivery met since its last try; it tells its own fortune, too."""

    def __init__(self, fortune: Fortune, channel: str) -> None:
        self._fortune = fortune
        self._channel = channel
        self._taken = fortune.taken[channel]
        self._failed = fortune.failed[channel]

    def got_through(self) -> None:
        """This delivery's call was taken."""
        self._fortune.taken[self._channel] += 1
        self._taken += 1

    def got_through_but_this(self) -> bool:
        """This delivery's call failed; True when nearly all of the others' calls were taken, and some were."""
        taken = self._fortune.taken[self._channel] - self._taken
        failed = self._fortune.failed[self._channel] - self._failed
        self._fortune.failed[self._channel] += 1
        self._taken, self._failed = self._taken + taken, self._failed + failed + 1
        return taken > TAKEN_FOR_EACH_FAILED * failed
