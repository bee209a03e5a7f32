"""The loop of the worker: read a batch, fold it, commit it with its position, cache what changed."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from functools import partial

import psycopg

from projections.database import Connection, PostgresUnavailable, connect_writer
from projections.generations import live_generation, require_current, use_generation
from projections.worker.ahead import ReadAhead
from projections.worker.batch import Batch, Folded, Span
from projections.worker.cache import CacheWriter
from projections.worker.commit import commit
from projections.worker.metrics import WorkerMetrics
from projections.worker.store import Changed, Fenced, Store, shown
from schemas.errors import RelaylogError
from streams.backoff import patiently
from streams.crash import CrashPoints
from streams.group import GroupReader, Partition
from streams.health import Health, Progress
from streams.log import LogUnavailable
from streams.provisioning import cluster_id
from streams.settings import Settings

logger = logging.getLogger(__name__)

_LONGEST_BACKOFF_SECONDS = 5.0
#: What is cached at a takeover: threads active in the last day, and the newest of their messages.
_WARM_SECONDS = 24 * 3600.0
_WARM_THREADS, _WARM_MESSAGES = 1000, 5000
#: Of the database, and no verdict on the data: deadlock, lost connection, full disk, a fault inside it.
_POSTGRES_ERRORS = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError)
#: The part of the process's health that this loop answers for.
PART = "projection"


class PositionBeyondLog(RelaylogError):
    """The tables are ahead of the log: it is another log, or lost its end."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the loop works with."""

    settings: Settings
    reader: GroupReader
    cache: CacheWriter | None
    metrics: WorkerMetrics
    health: Health
    progress: Progress
    crash: CrashPoints


class Worker:
    """Folds what its partitions bring until it is stopped; every doubt ends in claiming the positions anew."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._connection: Connection | None = None
        #: Reads what is to be cached, beside the next batch.
        self._showing: Connection | None = None
        self._store: Store | None = None
        self._ahead = ReadAhead(parts.reader, parts.settings.batch_records)
        self._failures = 0
        #: Caches what was committed last, while the next batch is under way; its result as that of `CacheWriter.put`.
        self._caching: asyncio.Task[bool] | None = None
        #: Where the log began at the takeover, where that is beyond the position: that gap is counted.
        self._known_gaps: dict[Partition, int] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop``.

        Raises UnknownEventVersion, ForeignCluster, PositionBeyondLog, NotMigrated and OutdatedTables.
        """
        try:
            while not stop.is_set():
                await self._guarded_step(stop)
        finally:
            await self._let_go()

    async def _guarded_step(self, stop: asyncio.Event) -> None:
        parts = self._parts
        try:
            await self._step()
            self._failures = 0
        except Fenced as error:
            parts.metrics.fenced.inc()
            logger.warning("batch rolled back: %s; joining the group again", error)
            await self._let_go()
            await parts.reader.stop()
            await patiently(parts.reader.start)
        except (*_POSTGRES_ERRORS, PostgresUnavailable) as error:
            parts.metrics.postgres_errors.inc()
            await self._back_off("Postgres", type(error).__name__, stop)
        except LogUnavailable as error:
            await self._back_off("Kafka", str(error), stop)

    async def _back_off(self, what: str, why: str, stop: asyncio.Event) -> None:
        """Nothing is lost: what was not committed is read again from the positions in Postgres."""
        self._parts.health.waits(PART, f"{what} does not answer")
        self._failures += 1
        seconds = min(_LONGEST_BACKOFF_SECONDS, 0.1 * 2 ** min(self._failures, 8))
        logger.warning("%s does not answer (%s); trying again in %.1f s", what, why, seconds)
        await self._let_go()
        try:
            await asyncio.wait_for(stop.wait(), seconds)
        except TimeoutError:
            return

    async def _step(self) -> None:
        parts = self._parts
        if self._store is None or parts.reader.take_change():
            self._store = await self._take_over()
        batch, folded = await self._ahead.take()
        if batch:
            started = time.monotonic()
            await commit(batch, partial(self._apply, self._store), folded)
            parts.metrics.batch.observe(time.monotonic() - started)
            parts.progress.advanced()
        else:
            parts.progress.idle()
            if not await self._is_cached():
                await self._store.renew_cache()
        self._measure_lag(self._store)

    async def _take_over(self) -> Store:
        """Claim the positions of the whole assignment and read from there on."""
        parts = self._parts
        parts.reader.take_change()
        await self._let_go()
        self._connection = await connect_writer(parts.settings)
        generation = await live_generation(self._connection)
        require_current(generation)
        cluster = await cluster_id(parts.settings)
        if parts.cache is not None:
            self._showing = await connect_writer(parts.settings)
            await use_generation(self._showing, generation)
        store = Store(self._connection, generation, cluster, parts.settings, cached=parts.cache is not None)
        await store.prepare()
        partitions = parts.reader.assignment()
        await store.claim(partitions)
        # The former owner may have died between its commit and the cache.
        await store.renew_cache()
        bounds = await parts.reader.bounds(partitions)
        for partition, position in store.positions.items():
            first, end = bounds[partition]
            if position > end:
                raise PositionBeyondLog(
                    f"{partition[0]}/{partition[1]}: the tables hold what was folded up to offset {position}, the log "
                    f"ends at {end}; rebuild the tables with `relaylog replay`"
                )
            if first > position:
                self._lacks(partition, position, first)
            parts.reader.seek(partition, max(position, first))
        parts.reader.resume(partitions)
        parts.health.serves(PART)
        logger.info("folding %d partitions into %s", len(partitions), generation.schema)
        await self._warm(store)
        return store

    async def _warm(self, store: Store) -> None:
        cache = self._parts.cache
        if cache is not None:
            await cache.check_bounds()
            async for recent, rows in store.recent(_WARM_SECONDS, _WARM_THREADS, _WARM_MESSAGES):
                await cache.put(recent, rows)

    def _lacks(self, partition: Partition, start: int, end: int) -> None:
        start = max(start, self._known_gaps.get(partition, start))
        if start >= end:
            return
        self._known_gaps[partition] = end
        self._parts.metrics.gaps.inc(end - start)
        logger.error(
            "the log lacks %d offsets: %s/%d from %d to %d; the tables miss what stood there",
            *(end - start, partition[0], partition[1], start, end - 1),
        )

    async def _let_go(self) -> None:
        await self._ahead.discard()
        # What comes next voids all that is cached.
        await self._is_cached()
        connections = self._connection, self._showing
        self._connection = self._showing = self._store = None
        for connection in connections:
            if connection is not None:
                await connection.close()

    async def _apply(self, store: Store, batch: Batch, folded: Folded) -> None:
        parts = self._parts
        spans = [
            Span(partition, store.positions[partition], records[-1].offset + 1) for partition, records in batch.items()
        ]
        parts.crash("project_before_transaction")
        changed = await store.apply(folded, spans, parts.crash, self._forget)
        parts.crash("project_after_commit")
        self._look_for_gaps(batch, spans, folded.records)
        for partition, records in batch.items():
            parts.metrics.events.labels(partition[0]).inc(len(records))
        parts.metrics.parked.inc(folded.parked)
        if parts.cache is not None and self._showing is not None:
            self._caching = asyncio.create_task(self._write_through(parts.cache, self._showing, changed))

    def _look_for_gaps(self, batch: Batch, spans: list[Span], records: int) -> None:
        if sum(span.end - span.start for span in spans) == records:
            return
        for span in spans:
            expected = span.start
            for record in batch[span.partition]:
                if record.offset > expected:
                    self._lacks(span.partition, expected, record.offset)
                expected = record.offset + 1

    async def _forget(self, changed: Changed) -> bool:
        cache = self._parts.cache
        if cache is None:
            return True
        # In this order, or else what is forgotten here could be cached again by what was committed before.
        was_cached = await self._is_cached()
        forgotten = await cache.forget(changed)
        if not forgotten:
            self._parts.metrics.cache_errors.inc()
        return was_cached and forgotten

    async def _is_cached(self) -> bool:
        """Wait for what was committed last; False when it may still arrive, later than what is written next."""
        caching, self._caching = self._caching, None
        return caching is None or await caching

    async def _write_through(self, cache: CacheWriter, showing: Connection, changed: Changed) -> bool:
        # Read after the commit: no later batch changes them before `_forget` has waited for this.
        try:
            cached = await cache.put(changed, await shown(showing, changed))
        except psycopg.Error:
            cached = False
        if not cached:
            self._parts.metrics.cache_errors.inc()
        self._parts.crash("project_after_cache")
        return cached

    def _measure_lag(self, store: Store) -> None:
        for partition, position in store.positions.items():
            highwater = self._parts.reader.highwater(partition)
            if highwater is not None:
                self._parts.metrics.lag.labels(partition[0], str(partition[1])).set(max(0, highwater - position))
