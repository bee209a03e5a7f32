"""What `up` says to the person who started it: plain lines, marks in colour only on a terminal."""

from __future__ import annotations

import time

from rich.console import Console as RichConsole
from rich.text import Text


class Console:
    """Lines for people. Without a terminal there are no control codes, so that output can be kept in a file."""

    def __init__(self, rich: RichConsole | None = None) -> None:
        self._rich = rich or RichConsole(highlight=False, soft_wrap=True)
        self._started = time.monotonic()

    def say(self, text: str = "") -> None:
        """One line as it is."""
        self._rich.print(Text(text))

    def title(self, text: str) -> None:
        """Begins a part of the output."""
        self._rich.print(Text(f"\n{text}", style="bold"))

    def progress(self, text: str) -> None:
        """One line with the seconds since the start."""
        self._rich.print(Text(f"{time.monotonic() - self._started:5.1f} s  ", style="dim") + Text(text))

    def seen(self, text: str, where: str = "") -> None:
        """Something happened that was awaited; ``where`` is the URL that shows it."""
        self._mark("✓", "green", text, where)

    def missed(self, text: str, where: str = "") -> None:
        """Something awaited did not happen."""
        self._mark("✗", "red", text, where)

    def _mark(self, mark: str, style: str, text: str, where: str) -> None:
        self._rich.print(Text(f"  {mark} ", style=style) + Text(text))
        if where:
            self._rich.print(Text(f"      {where}", style="dim"))
