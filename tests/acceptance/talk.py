"""Traffic of a seed: customers and agents of both tenants who take turns in a handful of threads."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from tests.acceptance.stage import Stage

TENANTS = ("acme", "globex")
#: Seconds between two messages while something is awaited.
_PAUSE = 0.05


class Talk:
    """Says one numbered message after the other."""

    def __init__(self, stage: Stage, seed: int, threads: int = 12) -> None:
        self._stage = stage
        self._random = random.Random(seed)
        self._threads = [(self._random.choice(TENANTS), stage.new_customer()) for _ in range(threads)]
        self.said = 0

    def say(self, messages: int) -> None:
        """So many messages, each in a thread and by a side that the seed chooses."""
        for _ in range(messages):
            tenant, customer = self._random.choice(self._threads)
            self.said += 1
            say = self._stage.customer_says if self._random.random() < 0.5 else self._stage.agent_says
            say(customer, self._text(), tenant)

    def _text(self) -> str:
        """One in twenty is so long that WhatsApp gets it in parts."""
        words = 1000 if self._random.random() < 0.05 else 0
        return " ".join([f"message {self.said}", *(f"word{n}" for n in range(words))])

    def say_until(self, what: str, happened: Callable[[], bool], patience: float = 45.0) -> None:
        """Talk on until something has happened. Raises AssertionError naming what was awaited."""
        deadline = time.monotonic() + patience
        while not happened():
            assert time.monotonic() < deadline, f"not seen within {patience:g} s of talk: {what}"
            self.say(1)
            time.sleep(_PAUSE)
