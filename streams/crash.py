"""Named crash points: where fault tests kill a process with SIGKILL, once, on request."""

from __future__ import annotations

import os
import signal
from pathlib import Path


class CrashPoints:
    """``crash(point)`` kills this process when the crash file names that point.

    The file is removed first, so it fires once. With an empty path (production) it does nothing.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path) if path else None

    def __call__(self, point: str) -> None:
        """Reach ``point``."""
        if self._path is not None and self._named(point):
            self._path.unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    def _named(self, point: str) -> bool:
        assert self._path is not None
        try:
            return self._path.read_text().strip() == point
        except FileNotFoundError:
            return False
