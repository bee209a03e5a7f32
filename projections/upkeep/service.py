"""Work on the tables by schedule: one of the workers does what is due, beside the folding and slowly enough for it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator

import psycopg
from prometheus_client import CollectorRegistry, Counter, Gauge

from projections.audit import Result
from projections.database import connect_owner
from projections.generations import live_generation
from projections.repair import repair
from projections.replay import LogGap, Progress, ReplayRunning, exclusive_owner
from projections.retention import KINDS, Kind, any_cut, expire, set_cut
from projections.sql import statement
from projections.verify import verify
from schemas.errors import RelaylogError
from schemas.tenant import Tenant
from streams.directory import read_directory
from streams.settings import Settings

logger = logging.getLogger(__name__)

#: How often it is asked what is due, and after how long a task that could not be done is due again.
_ASKED_SECONDS = 10.0
_SOON_SECONDS = 300.0
_DAY = 24 * 3600.0
#: A server that is away, a log that cannot be folded, somebody else at work: the next time may be better.
_HINDRANCES = (psycopg.Error, RelaylogError)


class UpkeepMetrics:
    """What verification by schedule has found."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.runs = Counter(
            "relaylog_verify_runs_total",
            "Verifications by schedule: agreed, differed, refused (the log has a gap), failed (a server was away)",
            ["result"],
            registry=registry,
        )
        self.differences = Gauge(
            "relaylog_verify_differences", "Differences between log and tables at the last one", registry=registry
        )
        self.threads = Gauge("relaylog_verify_threads", "Threads that differed at the last one", registry=registry)
        self.seconds = Gauge("relaylog_verify_seconds", "How long the last one took", registry=registry)
        self.agreed = Gauge(
            "relaylog_verify_agreed_timestamp_seconds", "When log and tables last agreed", registry=registry
        )
        self.expired = Counter(
            "relaylog_retention_rows_total", "Rows deleted because their time was over", ["table"], registry=registry
        )
        self.repaired = Counter(
            "relaylog_repair_rows_total", "Rows rewritten from the log by schedule", registry=registry
        )


def cuts(settings: Settings, tenants: Iterable[Tenant]) -> Iterator[tuple[str, Kind, int]]:
    """Tenant, kind of data, and after how many days it is let go, where it is; '' stands for what is no tenant's."""
    defaults: dict[Kind, int] = {
        "messages": settings.retention_messages_days,
        "dead_letters": settings.retention_dead_letters_days,
    }
    for tenant in tenants:
        own = {"messages": tenant.retention.messages_days, "dead_letters": tenant.retention.dead_letters_days}
        yield from ((tenant.id, kind, days) for kind in KINDS if (days := own[kind] or defaults[kind]))
    if defaults["dead_letters"]:
        yield "", "dead_letters", defaults["dead_letters"]


class Upkeep:
    """One a process; of several processes one does a task when it is due."""

    def __init__(self, settings: Settings, metrics: UpkeepMetrics) -> None:
        self._settings = settings
        self._metrics = metrics

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop``; a failure is counted, said, and no reason to end."""
        while not stop.is_set():
            try:
                await self.step()
            except _HINDRANCES as error:
                logger.warning("upkeep waits: %s", error if isinstance(error, RelaylogError) else type(error).__name__)
            try:
                await asyncio.wait_for(stop.wait(), _ASKED_SECONDS)
            except TimeoutError:
                continue

    async def step(self) -> None:
        """Do what is due now. Raises psycopg.Error and RelaylogError, naming what hindered it."""
        await self._allow_cache()
        if self._settings.verify_every:
            await self._when_due("verify", self._settings.verify_every, self._verify)
        if self._settings.master_key.get_secret_value():
            await self._when_due("retention", _DAY, self._let_go)

    async def _allow_cache(self) -> None:
        """A rebuild that was killed at its switch has left it forbidden."""
        async with await connect_owner(self._settings) as owner:
            found = await owner.execute(statement("upkeep/cache_forbidden"))
        if found.rowcount:
            async with exclusive_owner(self._settings):
                logger.warning("a rebuild was broken off at its switch; the cache may be used again")

    async def _when_due(self, task: str, every: float, work: Callable[[], Awaitable[str]]) -> None:
        arguments = {"task": task, "every": every, "soon": min(every, _SOON_SECONDS)}
        async with await connect_owner(self._settings) as owner:
            if not (await owner.execute(statement("upkeep/begin"), arguments)).rowcount:
                return
        again, result = True, "failed"
        try:
            result = await work()
            again = False
        finally:
            async with await connect_owner(self._settings) as owner:
                await owner.execute(statement("upkeep/end"), {**arguments, "result": result, "again": again})

    async def _let_go(self) -> str:
        """Delete what is past its tenant's time. Raises ReplayRunning, LogUnavailable, psycopg.Error."""
        wanted = list(cuts(self._settings, (await read_directory(self._settings)).tenants))
        async with await connect_owner(self._settings) as owner:
            if not wanted and not await any_cut(owner):
                return "nothing"
        async with exclusive_owner(self._settings) as owner:
            for tenant_id, kind, days in wanted:
                await set_cut(owner, tenant_id, kind, days)
            deleted = await expire(owner, await live_generation(owner), share=True)
        for table, rows in deleted.items():
            self._metrics.expired.labels(table).inc(rows)
        return f"{sum(deleted.values())} rows"

    async def _verify(self) -> str:
        """What it found, in a word. Raises ReplayRunning and what else kept it from being done."""
        try:
            found = await (self._repaired() if self._settings.repair else self._verified())
        except LogGap as error:
            logger.error("log and tables cannot be compared: %s", error)
            self._metrics.runs.labels("refused").inc()
            return "refused"
        except ReplayRunning:
            raise
        except _HINDRANCES:
            self._metrics.runs.labels("failed").inc()
            raise
        return self._told(found)

    async def _verified(self) -> Result:
        return await verify(self._settings, _silent, share=True)

    async def _repaired(self) -> Result:
        done = await repair(self._settings, _silent, share=True)
        self._metrics.repaired.inc(done.rewritten)
        if done.rewritten:
            logger.warning("%d rows rewritten from the log", done.rewritten)
        return done.before

    def _told(self, found: Result) -> str:
        result = "agreed" if found.agrees else "differed"
        self._metrics.runs.labels(result).inc()
        self._metrics.differences.set(found.differing)
        self._metrics.threads.set(found.threads)
        self._metrics.seconds.set(found.seconds)
        if found.agrees:
            self._metrics.agreed.set(time.time())
        for difference in found.differences[:20]:
            # Without the values: they are what people have said.
            key = " ".join(map(str, difference.key.values()))
            logger.error("log and tables differ: %s %s %s", difference.table, key, difference.field)
        return result


def _silent(_: Progress) -> None:
    """Nobody watches."""
