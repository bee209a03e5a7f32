"""The cache in Redis: a row is removed before its change is committed, and written after it; failures stop nobody."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from projections.cache_keys import REVISION_DIGITS, key_space
from projections.cache_server import CacheServer
from projections.worker.store import Changed, Rows
from streams.settings import Settings

logger = logging.getLogger(__name__)
Answer = TypeVar("Answer")

SECONDS_TO_LIVE = 24 * 3600
_TIMEOUT_SECONDS = 0.5
#: After a failure the cache is left alone for so long.
_PAUSE_SECONDS = 1.0
_UNBOUNDED = "noeviction"


class CacheWriter:
    """Between `forget` and `put` of a row nothing of it is cached, so that a crash there leaves nothing stale."""

    def __init__(self, settings: Settings) -> None:
        self._prefix = settings.topic_prefix
        self._server = CacheServer(settings, _TIMEOUT_SECONDS)
        # One argument for all rows, which is packed in C: of thousands, each costs the client as much as its row.
        self._set = self._script("put.lua")
        self._unlink = self._script("forget.lua")
        self._paused_until = 0.0

    async def check_bounds(self) -> None:
        """Say it where the server keeps everything until its memory is full, and then takes nothing more."""
        policy = await self._tried(partial(self._server.client.info, "memory"))
        if policy and policy.get("maxmemory_policy") == _UNBOUNDED:
            logger.warning(
                "Redis evicts nothing (maxmemory-policy %s): what is cached expires after %d s only; set maxmemory and "
                "an allkeys policy",
                *(_UNBOUNDED, SECONDS_TO_LIVE),
            )

    async def forget(self, changed: Changed) -> bool:
        """Remove what is cached of rows that are about to change; False when older values may still be there."""
        if not changed.keys or changed.cache_epoch is None:
            return True
        return await self._tried(partial(self._forget, changed.cache_epoch, changed.keys)) is not None

    async def put(self, changed: Changed, rows: Rows) -> bool:
        """Cache what was committed of them, keeping the higher revision; False when it was not."""
        if not rows or changed.cache_epoch is None:
            return True
        return await self._tried(partial(self._write, changed.cache_epoch, rows)) is not None

    def _script(self, name: str) -> AsyncScript:
        return self._server.client.register_script(Path(__file__).with_name(name).read_text())

    async def close(self) -> None:
        """Disconnect."""
        await self._server.close()

    async def _forget(self, epoch: str, keys: list[str]) -> int:
        packed = msgspec.msgpack.encode(keys)
        return int(await self._unlink(args=[await self._space(epoch), packed]))

    async def _write(self, epoch: str, rows: Rows) -> int:
        packed = msgspec.msgpack.encode(rows)
        return int(await self._set(args=[await self._space(epoch), SECONDS_TO_LIVE, REVISION_DIGITS, packed]))

    async def _space(self, epoch: str) -> str:
        return key_space(self._prefix, epoch, await self._server.run_id())

    async def _tried(self, operation: Callable[[], Awaitable[Answer]]) -> Answer | None:
        """None when it failed, or was not tried so soon after a failure."""
        if time.monotonic() < self._paused_until:
            return None
        try:
            return await operation()
        except (TimeoutError, RedisError, OSError):
            self._paused_until = time.monotonic() + _PAUSE_SECONDS
            return None
