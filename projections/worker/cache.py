"""The cache in Redis, written after each commit; a failure here never stops the projection."""

from __future__ import annotations

import time
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from projections.cache_keys import REVISION_DIGITS, cache_key, cached_value
from projections.worker.store import Committed
from streams.settings import Settings

_SECONDS_TO_LIVE = 24 * 3600
_TIMEOUT_SECONDS = 0.5
#: After a failure the cache is left alone for so long.
_PAUSE_SECONDS = 1.0


class CacheWriter:
    """Writes rows through, keeping the higher revision."""

    def __init__(self, settings: Settings) -> None:
        self._prefix = settings.topic_prefix
        self._redis = Redis.from_url(
            settings.redis, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS
        )
        self._put = self._redis.register_script(Path(__file__).with_name("put.lua").read_text())
        self._paused_until = 0.0

    async def put(self, committed: Committed) -> bool:
        """Cache what was committed; False when some of it was not, so that older values may still be there."""
        if not committed.rows or committed.cache_epoch is None:
            return True
        if time.monotonic() < self._paused_until:
            return False
        epoch = committed.cache_epoch
        keys = [cache_key(self._prefix, epoch, row.resource, row.tenant_id, row.id) for row in committed.rows]
        values = [cached_value(row.revision, row.body) for row in committed.rows]
        try:
            await self._put(keys=keys, args=[_SECONDS_TO_LIVE, REVISION_DIGITS, *values])
        except (TimeoutError, RedisError, OSError):
            self._paused_until = time.monotonic() + _PAUSE_SECONDS
            return False
        return True

    async def close(self) -> None:
        """Disconnect."""
        await self._redis.aclose()
