"""The table manager of the sender's Faust app: it never recovers from the changelog, so nothing waits for that.

Faust 0.15.3 reads a changelog with the fetcher that reads events. A fetch from before a rebalance that ends while a
recovery runs brings rows of the changelog as well; Faust throws them away and goes back to what was committed, and of a
changelog nothing ever is. The recovery then waits for rows that never come again
(docs/decisions/faust-recovers-nothing.md).
"""

from __future__ import annotations

from faust.tables import TableManager
from faust.tables.recovery import IllegalStateError, RebalanceAgain, Recovery, ServiceStopped  # type: ignore[attr-defined]
from mode import Service


class NoRecovery(Recovery):
    """Hands partitions over as soon as they are assigned, as Faust does for an app without tables."""

    @Service.task
    async def _restart_recovery(self) -> None:
        while not self.should_stop:
            if await self.wait_for_stopped(self.signal_recovery_start):  # type: ignore[arg-type]
                return
            self.signal_recovery_start.clear()
            try:
                await self._resume_streams(generation_id=self._generation_id)
            except (RebalanceAgain, IllegalStateError):
                # The next assignment gives the signal again.
                continue
            except ServiceStopped:
                # Raised as well when the broker did not answer in time, where Faust would give up for good.
                self.signal_recovery_start.set()


class Tables(TableManager):
    """Keeps the app's tables; their rows are read by `agents.rate_rows`."""

    @property
    def recovery(self) -> Recovery:
        """The service that Faust tells of every assignment."""
        if self._recovery is None:
            self._recovery = NoRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
