"""Tells a demo step by step: each thing awaited is looked for until it is seen or a deadline passes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from relaylog.console import Console

Seen = TypeVar("Seen")

_POLL_SECONDS = 0.1


class Missed(Exception):
    """Something awaited was not seen in time; what follows from it cannot be played."""


class Story:
    """Prints what happens and counts what was seen."""

    def __init__(self, console: Console, patience: float = 30.0) -> None:
        """``patience``: seconds until something awaited counts as missed."""
        self._console = console
        self._patience = patience
        self.seen = 0
        self.missed: list[str] = []

    def title(self, text: str) -> None:
        """Begin a chapter."""
        self._console.title(text)

    def tell(self, text: str) -> None:
        """Somebody does something."""
        self._console.say(text)

    def note(self, text: str) -> None:
        """A line for the reader."""
        self._console.say(f"      {text}")

    async def expect(
        self, awaited: str, probe: Callable[[], Awaitable[Seen | None]], where: Callable[[Seen], str] | None = None
    ) -> Seen:
        """Ask ``probe`` until it finds something and return that; ``where`` gives the URL that shows it.

        Raises Missed, after saying what was awaited.
        """
        deadline = time.monotonic() + self._patience
        while True:
            found = await probe()
            if found is not None:
                self.seen += 1
                self._console.seen(awaited, where(found) if where else "")
                return found
            if time.monotonic() >= deadline:
                self.fail(awaited)
                raise Missed(awaited)
            await asyncio.sleep(_POLL_SECONDS)

    def fail(self, awaited: str) -> None:
        """Something awaited did not come."""
        self.missed.append(awaited)
        self._console.missed(f"not seen within {self._patience:g} s: {awaited}")

    def summary(self) -> bool:
        """Say how it went; True when everything was seen."""
        self.title("Summary")
        if self.missed:
            self._console.missed(f"{self.seen} steps seen, then missed: {'; '.join(self.missed)}")
        else:
            self._console.seen(f"all {self.seen} steps seen")
        return not self.missed
