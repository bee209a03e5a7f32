"""A client of the cache that knows which start of the server it talks to.

A server that starts again may come back with an older copy of what it held, and so may a replica that takes over. Its
``run_id`` is another one then; it is part of every key, so that nothing from before is ever found.
"""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection

from streams.settings import Settings


class CacheServer:
    """The server of RELAYLOG_REDIS; connects when it is first asked."""

    def __init__(self, settings: Settings, timeout: float) -> None:
        """``timeout``: seconds for an answer."""
        self._run_id: str | None = None
        self.client: Redis = Redis.from_url(
            settings.redis,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            redis_connect_func=self._connected,
        )

    async def run_id(self) -> str:
        """Of the start that the newest connection was made to. Raises RedisError, OSError, TimeoutError."""
        if self._run_id is None:
            await self.client.ping()
        assert self._run_id is not None
        return self._run_id

    async def close(self) -> None:
        """Disconnect."""
        await self.client.aclose()

    async def _connected(self, connection: AbstractConnection) -> None:
        await connection.on_connect()
        await connection.send_command("INFO", "server")
        answer: Any = await connection.read_response()
        lines = (answer.decode() if isinstance(answer, bytes) else answer).splitlines()
        self._run_id = next(line.partition(":")[2] for line in lines if line.startswith("run_id:"))
