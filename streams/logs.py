"""Structured logs: JSON lines on standard error, without message content, and without floods."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable

from pythonjsonlogger.json import JsonFormatter

#: Libraries that tell each of their steps, and log a line for every failed try; at DEBUG, aiokafka also logs keys and
#: values of records.
_NOISY = ("aiokafka", "faust", "mode", "asyncio", "aiohttp")
_LINES = 5
_SECONDS = 10.0


class FloodFilter(logging.Filter):
    """Passes ``lines`` records of one message template of a noisy library each ``seconds``.

    The first one after a flood carries ``suppressed``, how many were left out.
    """

    def __init__(
        self, lines: int = _LINES, seconds: float = _SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._lines = lines
        self._seconds = seconds
        self._clock = clock
        self._windows: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """True when the record may be written."""
        if record.name.partition(".")[0] not in _NOISY:
            return True
        key = (record.name, str(record.msg))
        start, count = self._windows.get(key, (self._clock(), 0))
        if self._clock() - start >= self._seconds:
            if count > self._lines:
                record.suppressed = count - self._lines
            start, count = self._clock(), 0
        self._windows[key] = (start, count + 1)
        return count < self._lines


def configure_logging(level: str) -> None:
    """Send all logging of this process through one handler; called once, by its composition root."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter(
            "%(asctime)s %(levelname)s %(name)s %(message)s",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
            datefmt="%Y-%m-%dT%H:%M:%S%z",
        )
    )
    handler.addFilter(FloodFilter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))
