"""Reads the cache, and only while it is known to belong to the live generation."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import psycopg
from psycopg_pool import PoolTimeout
from redis.asyncio import Redis
from redis.exceptions import RedisError

from projections.cache_keys import cache_key, cached_body
from streams.settings import Settings

logger = logging.getLogger(__name__)

#: An epoch asked for longer ago is not trusted. A rebuild forbids the cache this long before it switches.
LEASE_SECONDS = 1.0
_TIMEOUT_SECONDS = 0.2
_PAUSE_SECONDS = 1.0


class CacheReader:
    """Rows by id; None for a miss, a doubt or an error alike: then Postgres is asked."""

    def __init__(
        self,
        settings: Settings,
        ask_epoch: Callable[[], Awaitable[str | None]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._prefix = settings.topic_prefix
        self._redis = Redis.from_url(
            settings.redis, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS
        )
        self._ask_epoch = ask_epoch
        self._clock = clock
        self._epoch: str | None = None
        self._asked_at = float("-inf")
        self._paused_until = float("-inf")

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

    async def get(self, resource: str, tenant_id: str | None, id: str) -> bytes | None:
        """The resource as JSON."""
        now = self._clock()
        if tenant_id is None or self._epoch is None or now - self._asked_at > LEASE_SECONDS or now < self._paused_until:
            return None
        try:
            value = await self._redis.get(cache_key(self._prefix, self._epoch, resource, tenant_id, id))
        except (RedisError, OSError, TimeoutError):
            self._paused_until = self._clock() + _PAUSE_SECONDS
            return None
        return cached_body(value) if isinstance(value, bytes) else None

    async def close(self) -> None:
        """Disconnect."""
        await self._redis.aclose()
