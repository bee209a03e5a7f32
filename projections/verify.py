"""Verify: the log folded again, up to exactly what the live tables hold, and compared with them thread by thread."""

from __future__ import annotations

import time

from projections.audit import Result, audit
from projections.replay import Report
from streams.settings import Settings


async def verify(settings: Settings, report: Report, *, share: bool = False) -> Result:
    """Compare the live tables with the log while everything runs on; the shadow tables are dropped afterwards.

    ``share``: work at most half of the time, for a process that has something else to do.
    Raises LogGap, ReplayRunning, NotMigrated, PostgresUnavailable, LogUnavailable.
    """
    started = time.monotonic()
    async with audit(settings, report, share=share) as shadow:
        result = await shadow.compare()
    result.seconds = time.monotonic() - started
    return result
