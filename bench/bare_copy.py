"""What Postgres takes at most: the rows of the projection, made beforehand, copied into a plain table without keys."""

from __future__ import annotations

import time
from types import SimpleNamespace

import psycopg

from bench.load import events
from projections.sql import statement
from projections.worker.batch import fold_batch
from streams.settings import Settings
from streams.topics import EVENTS

_TABLE = b"CREATE TABLE copied AS SELECT * FROM stage WITH NO DATA"


async def copy_all(settings: Settings, postgres: str, count: int) -> float:
    """Events a second whose rows are copied, a transaction a batch."""
    records: dict[int, list[SimpleNamespace]] = {}
    for tenant, value in events(count):
        own = records.setdefault(int(tenant.rpartition("-")[2]) % settings.partitions, [])
        own.append(SimpleNamespace(offset=len(own), value=value))
    size, seconds = settings.batch_records, 0.0
    async with await psycopg.AsyncConnection.connect(postgres, autocommit=True) as connection:
        await connection.execute(statement("worker/sql/stage"))
        await connection.execute(_TABLE)
        for partition, own in records.items():
            for start in range(0, len(own), size):
                rows = fold_batch({(EVENTS, partition): own[start : start + size]}).rows()
                block, started = b"".join(rows.values()), time.perf_counter()
                async with connection.cursor() as cursor, cursor.copy(b"COPY copied FROM STDIN") as copy:
                    await copy.write(block)
                seconds += time.perf_counter() - started
    return count / seconds
