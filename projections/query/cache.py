"""Reads the cache, and only while it is known to belong to the live generation."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import psycopg
from prometheus_client import CollectorRegistry, Counter, Histogram
from psycopg_pool import PoolTimeout
from redis.exceptions import RedisError

from projections.cache_keys import cache_key, cached_body, key_space
from projections.cache_server import CacheServer
from streams.settings import Settings

logger = logging.getLogger(__name__)

#: An epoch asked for longer ago is not trusted. A rebuild forbids the cache this long before it switches.
LEASE_SECONDS = 1.0
#: One hit of so many is compared with Postgres.
CHECKED_EVERY = 100
_TIMEOUT_SECONDS = 0.2
_PAUSE_SECONDS = 1.0


class CacheMetrics:
    """How often the cache saves a question, how long it takes, and whether what it said was still so."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.reads = Counter(
            "relaylog_query_cache_reads_total",
            "Resources asked for by id: hit, miss, error, or off while the cache is not trusted",
            ["result"],
            registry=registry,
        )
        self.seconds = Histogram(
            "relaylog_query_cache_seconds",
            "Time to the cache's answer",
            registry=registry,
            buckets=(0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2),
        )
        self.checks = Counter(
            "relaylog_query_cache_checks_total",
            "Hits that were compared with Postgres: same or stale",
            ["result"],
            registry=registry,
        )


class CacheReader:
    """Rows by id; None for a miss, a doubt or an error alike: then Postgres is asked."""

    def __init__(
        self,
        settings: Settings,
        ask_epoch: Callable[[], Awaitable[str | None]],
        clock: Callable[[], float] = time.monotonic,
        metrics: CacheMetrics | None = None,
    ) -> None:
        self._prefix = settings.topic_prefix
        self._server = CacheServer(settings, _TIMEOUT_SECONDS)
        self._ask_epoch = ask_epoch
        self._clock = clock
        self._metrics = metrics or CacheMetrics()
        self._epoch: str | None = None
        self._asked_at = float("-inf")
        self._paused_until = float("-inf")
        #: The epoch under which something stale was found.
        self._distrusted: str | None = None
        self._hits = 0

    async def follow(self) -> None:
        """Keep the lease for ever; an epoch counts from the moment it was asked for."""
        while True:
            await self.renew()
            await asyncio.sleep(LEASE_SECONDS / 4)

    async def renew(self) -> None:
        """Ask once which epoch is the live generation's."""
        asked_at = self._clock()
        try:
            self._epoch = await self._ask_epoch()
            self._asked_at = asked_at
        except (psycopg.Error, PoolTimeout) as error:
            logger.warning("the cache is left alone: its epoch cannot be asked for (%s)", type(error).__name__)

    async def get(
        self, resource: str, tenant_id: str | None, id: str, ask: Callable[[], Awaitable[bytes | None]]
    ) -> bytes | None:
        """The resource as JSON: what is cached, else what ``ask`` finds in Postgres; now and then both are compared."""
        cached = None if tenant_id is None else await self._cached(resource, tenant_id, id)
        if cached is None:
            return await ask()
        self._hits += 1
        if self._hits % CHECKED_EVERY or tenant_id is None:
            return cached
        return await self._checked(resource, tenant_id, id, cached, await ask())

    async def _checked(
        self, resource: str, tenant_id: str, id: str, cached: bytes, stored: bytes | None
    ) -> bytes | None:
        # A change is committed only when nothing older is cached, so what is cached still, after Postgres showed
        # something else, is older than that.
        stale = stored != cached and await self._cached(resource, tenant_id, id) == cached
        self._metrics.checks.labels("stale" if stale else "same").inc()
        if stale:
            self._distrusted = self._epoch
            logger.error(
                "the cache held a %s older than the table's row; it is not asked until its epoch changes", resource
            )
        return stored

    async def _cached(self, resource: str, tenant_id: str, id: str) -> bytes | None:
        now = self._clock()
        trusted = self._epoch is not None and self._epoch != self._distrusted
        if not trusted or now - self._asked_at > LEASE_SECONDS or now < self._paused_until:
            self._metrics.reads.labels("off").inc()
            return None
        started = time.perf_counter()
        try:
            space = key_space(self._prefix, str(self._epoch), await self._server.run_id())
            value = await self._server.client.get(cache_key(space, resource, tenant_id, id))
        except (RedisError, OSError, TimeoutError):
            self._paused_until = self._clock() + _PAUSE_SECONDS
            self._metrics.reads.labels("error").inc()
            return None
        self._metrics.seconds.observe(time.perf_counter() - started)
        self._metrics.reads.labels("hit" if value else "miss").inc()
        return cached_body(value) if isinstance(value, bytes) else None

    async def close(self) -> None:
        """Disconnect."""
        await self._server.close()
