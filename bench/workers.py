"""Workers of the projection as processes of their own, and how far the tables are."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from bench.servers import Servers
from projections.migrate import migrate
from streams.settings import Settings
from streams.topics import EVENTS, topic_name

_POSITIONS = "SELECT partition, next_offset FROM relaylog.position WHERE topic = %s"


@asynccontextmanager
async def workers(on: Servers, settings: Settings, count: int) -> AsyncIterator[tuple[Settings, list[int]]]:
    """``count`` processes on new tables, with their ids; killed at the end."""
    owner, query = await on.new_database()
    own = settings.model_copy(update={"postgres": owner, "postgres_query": query})
    await migrate(own)
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "relaylog", "project"),
            env=dict(os.environ) | _environment(own),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        for _ in range(count)
    ]
    try:
        yield own, [process.pid for process in processes]
    finally:
        for process in processes:
            process.kill()
            await process.wait()


def _environment(settings: Settings) -> dict[str, str]:
    shown = (
        "kafka",
        "topic_prefix",
        "partitions",
        "postgres",
        "postgres_query",
        "redis",
        "project_port",
        "batch_records",
    )
    values = {name: str(getattr(settings, name)) for name in shown}
    secret = settings.master_key.get_secret_value() if settings.master_key else ""
    return {f"RELAYLOG_{name.upper()}": value for name, value in {**values, "master_key": secret}.items()}


class Positions:
    """What is visible in the query store: positions move in the transaction that shows the rows."""

    def __init__(self, connection: psycopg.AsyncConnection[tuple[int, int]], topic: str) -> None:
        self._connection = connection
        self._topic = topic

    async def read(self) -> dict[int, int]:
        """Next offset by partition."""
        found = await self._connection.execute(_POSITIONS, [self._topic])
        return dict(await found.fetchall())

    async def seconds_between(self, first: int, last: int) -> float:
        """Seconds from the moment at which ``first`` records were visible to that at which ``last`` were."""
        begun = 0.0
        while True:
            done = sum((await self.read()).values())
            if not begun and done >= first:
                begun, first = time.perf_counter(), done
            if done >= last:
                return (time.perf_counter() - begun) * (last - first) / max(1, done - first)
            await asyncio.sleep(0.002)


@asynccontextmanager
async def positions(settings: Settings) -> AsyncIterator[Positions]:
    """Read over a connection of their own."""
    async with await psycopg.AsyncConnection.connect(settings.postgres, autocommit=True) as connection:
        yield Positions(connection, topic_name(settings, EVENTS))
