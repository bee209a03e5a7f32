"""The simulated log: partitions in memory, appends and fetches that take time, and a start that retention can move."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from random import Random
from typing import Any

from streams.log import Appended, Headers, LogUnavailable, Record
from tests.simulation.process import Process

EPOCH_MS = 1_790_000_000_000


class SimulatedLog:
    """All partitions of all topics."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.records: dict[tuple[str, int], list[Record]] = defaultdict(list)
        self.starts: dict[tuple[str, int], int] = defaultdict(int)
        self.away = False
        self._news: dict[tuple[str, int], asyncio.Event] = defaultdict(asyncio.Event)

    def now_ms(self) -> int:
        return EPOCH_MS + round(asyncio.get_running_loop().time() * 1000)

    def append(self, topic: str, partition: int, value: bytes | None, key: bytes | None, headers: Headers) -> Record:
        records = self.records[topic, partition]
        record = Record(partition, len(records), self.now_ms(), key, value, list(headers))
        records.append(record)
        news, self._news[topic, partition] = self._news[topic, partition], asyncio.Event()
        news.set()
        return record

    async def wait_for_news(self, topic: str, partition: int, timeout: float) -> None:
        try:
            await asyncio.wait_for(self._news[topic, partition].wait(), timeout)
        except TimeoutError:
            return


class SimulatedWriter:
    """An idempotent producer of one process: appends of a partition stay in order and may land after its death."""

    def __init__(self, log: SimulatedLog, process: Process) -> None:
        self._log = log
        self._process = process
        self._tails: dict[tuple[str, int], asyncio.Task[Record]] = {}

    async def append(
        self, topic: str, partition: int, value: bytes | None, *, key: bytes | None = None, headers: Headers = ()
    ) -> Appended:
        record = await (await self.enqueue(topic, partition, value, key=key, headers=headers))
        await self._process.gate()
        return Appended(record.partition, record.offset, record.timestamp)

    async def enqueue(
        self, topic: str, partition: int, value: bytes | None, *, key: bytes | None = None, headers: Headers = ()
    ) -> asyncio.Future[Any]:
        await self._process.gate()
        before = self._tails.get((topic, partition))
        # Not a task of the process: what was handed to the network arrives although the process dies.
        task = asyncio.get_running_loop().create_task(self._land(before, topic, partition, value, key, headers))
        self._tails[topic, partition] = task
        return task

    async def _land(
        self,
        before: asyncio.Task[Record] | None,
        topic: str,
        partition: int,
        value: bytes | None,
        key: bytes | None,
        headers: Headers,
    ) -> Record:
        if before is not None and not before.done():
            await asyncio.wait([before])
        await asyncio.sleep(self._log.random.uniform(0.0005, 0.003))
        while self._log.away or self._process.cut:
            await asyncio.sleep(0.05)
        return self._log.append(topic, partition, value, key, headers)


class SimulatedReader:
    """Reads one partition for one process."""

    def __init__(self, log: SimulatedLog, process: Process, topic: str, partition: int) -> None:
        self._log = log
        self._process = process
        self._where = (topic, partition)
        self._position = 0
        self._highwater: int | None = None

    async def start(self) -> None:
        await self._process.gate()

    async def stop(self) -> None:
        return None

    def seek(self, offset: int) -> None:
        self._position = offset

    async def position(self) -> int:
        await self._process.gate()
        return self._position

    async def start_offset(self) -> int:
        await self._ask()
        return self._log.starts[self._where]

    async def end_offset(self) -> int:
        await self._ask()
        return len(self._records)

    def highwater(self) -> int | None:
        return self._highwater

    async def offset_at(self, timestamp: int) -> int | None:
        await self._ask()
        start = self._log.starts[self._where]
        return next((r.offset for r in self._records[start:] if r.timestamp >= timestamp), None)

    async def read(self, max_records: int = 1000, timeout_ms: int = 500) -> list[Record]:
        await self._process.gate()
        if self._position >= len(self._records):
            await self._log.wait_for_news(*self._where, timeout_ms / 1000)
        await asyncio.sleep(self._log.random.uniform(0.0002, 0.002))
        while self._log.away or self._process.cut:
            await asyncio.sleep(0.05)
        await self._process.gate()
        if self._position < self._log.starts[self._where]:
            raise AssertionError(f"offset {self._position} of {self._where} is gone: the reader was not moved")
        batch = self._records[self._position : self._position + max_records]
        self._position += len(batch)
        self._highwater = len(self._records)
        return list(batch)

    async def _ask(self) -> None:
        await self._process.gate()
        await asyncio.sleep(self._log.random.uniform(0.0002, 0.002))
        if self._log.away or self._process.cut:
            raise LogUnavailable("the simulated broker is away")
        await self._process.gate()

    @property
    def _records(self) -> Sequence[Record]:
        return self._log.records[self._where]
