"""The simulated log: partitions in memory, appends and fetches that take time, and a start that retention can move."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from streams.log import Appended, Headers, LogUnavailable, OffsetGone, Record
from tests.simulation.process import Process, fail, resolve

EPOCH_MS = 1_790_000_000_000
Where = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Trim:
    """Retention removed what lies before ``start`` of a partition of ``events``."""

    partition: int
    start: int
    #: End of ``outcomes`` at that moment.
    outcomes_end: int


class SimulatedLog:
    """All partitions of all topics. What retention removed stays here, for the judge alone."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.records: dict[Where, list[Record]] = defaultdict(list)
        self.starts: dict[Where, int] = defaultdict(int)
        self.trims: list[Trim] = []
        self.away = False
        #: Told of every record right after its append.
        self.observers: list[Callable[[str, Record], None]] = []
        self._waiting: dict[Where, list[asyncio.Future[None]]] = defaultdict(list)

    def now_ms(self) -> int:
        return EPOCH_MS + round(asyncio.get_running_loop().time() * 1000)

    def append(self, topic: str, partition: int, value: bytes | None, key: bytes | None, headers: Headers) -> Record:
        records = self.records[topic, partition]
        record = Record(partition, len(records), self.now_ms(), key, value, list(headers))
        records.append(record)
        for waiting in self._waiting.pop((topic, partition), ()):
            asyncio.get_running_loop().call_later(self.random.uniform(0.0002, 0.002), resolve, waiting, None)
        for observe in self.observers:
            observe(topic, record)
        return record

    async def wait_for_news(self, topic: str, partition: int, timeout: float) -> None:
        """Return when a fetch has brought something new, or its time is over."""
        loop = asyncio.get_running_loop()
        news = loop.create_future()
        self._waiting[topic, partition].append(news)
        timer = loop.call_later(timeout, resolve, news, None)
        try:
            await news
        finally:
            timer.cancel()

    async def until_back(self) -> None:
        while self.away:
            await asyncio.sleep(0.1)

    def trim(self, topic: str, partition: int, start: int) -> None:
        """Retention: the log begins at ``start`` from now on."""
        where = (topic, partition)
        if start > self.starts[where]:
            self.starts[where] = start
            if topic == "events":
                self.trims.append(Trim(partition, start, len(self.records["outcomes", partition])))


@dataclass(slots=True)
class _Pending:
    future: asyncio.Future[Any]
    value: bytes | None
    key: bytes | None
    headers: Headers


class SimulatedWriter:
    """An idempotent producer of one process: appends of a partition stay in order and may land after its death.

    As with the real one, what waits for a partition is sent once what was sent before is acknowledged.
    """

    def __init__(self, log: SimulatedLog, process: Process) -> None:
        self._log = log
        self._process = process
        self._pending: dict[Where, deque[_Pending]] = defaultdict(deque)
        self._under_way: set[Where] = set()

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
        where, future = (topic, partition), asyncio.get_running_loop().create_future()
        self._pending[where].append(_Pending(future, value, key, headers))
        self._land_soon(where)
        return future

    def _land_soon(self, where: Where) -> None:
        # Not a task of the process: what was handed to the network arrives although the process dies.
        if self._pending[where] and where not in self._under_way:
            self._under_way.add(where)
            asyncio.get_running_loop().call_later(self._log.random.uniform(0.0005, 0.003), self._land, where)

    def _land(self, where: Where) -> None:
        loop, random = asyncio.get_running_loop(), self._log.random
        # A stopped process hands nothing more to its kernel: what waits goes out when it wakes.
        if self._log.away or self._process.cut or self._process.stopped:
            loop.call_later(0.1, self._land, where)
            return
        pending = self._pending[where]
        if self._process.fails_append:
            self._process.fails_append = False
            self._fail(where, [pending.popleft() for _ in range(len(pending))], in_log=random.random() < 0.5)
            return
        sent = [pending.popleft() for _ in range(1 if random.random() < 0.3 else len(pending))]
        landed = [(one.future, self._log.append(*where, one.value, one.key, one.headers)) for one in sent]
        loop.call_later(random.uniform(0.0, 0.002), self._acknowledge, where, landed)

    def _fail(self, where: Where, sent: list[_Pending], in_log: bool) -> None:
        error = LogUnavailable("the simulated broker has lost count of this producer's records")
        for one in sent:
            if in_log:
                self._log.append(*where, one.value, one.key, one.headers)
            self._process.tell(partial(fail, one.future, error))
        self._under_way.discard(where)

    def _acknowledge(self, where: Where, landed: list[tuple[asyncio.Future[Any], Record]]) -> None:
        for future, record in landed:
            self._process.tell(partial(resolve, future, record))
        self._under_way.discard(where)
        self._land_soon(where)


class SimulatedReader:
    """Reads one partition for one process."""

    def __init__(self, log: SimulatedLog, process: Process, topic: str, partition: int) -> None:
        #: Timestamps for which an offset was asked.
        self.asked: list[int] = []
        self._log = log
        self._process = process
        self._where = (topic, partition)
        self._records = log.records[self._where]
        self._position = 0
        self._highwater: int | None = None
        #: Seconds by which it is behind, at most: nobody waits for a tail.
        self.pace = 0.0

    async def start(self) -> None:
        await self._process.gate()

    async def stop(self) -> None:
        return None

    def seek(self, offset: int) -> None:
        self._position = offset

    def follow(self, offset: int) -> None:
        self.seek(offset)
        self.pace = self._log.random.choice((0.0, 0.02, 0.3))

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
        self.asked.append(timestamp)
        start = self._log.starts[self._where]
        found = bisect_left(self._records, timestamp, lo=start, key=lambda r: r.timestamp)
        return found if found < len(self._records) else None

    async def read(self, max_records: int = 1000, timeout_ms: int = 500) -> list[Record]:
        await self._process.gate()
        if self._position >= len(self._records):
            await self._log.wait_for_news(*self._where, timeout_ms / 1000)
        else:
            await asyncio.sleep(self._log.random.uniform(0.0002, 0.002))
        if self.pace:
            await asyncio.sleep(self._log.random.uniform(0.0, self.pace))
        while self._log.away or self._process.cut:
            await asyncio.sleep(0.1)
        await self._process.gate()
        if self._position < self._log.starts[self._where]:
            raise OffsetGone(f"{self._where}: offset {self._position} is gone")
        batch = self._records[self._position : self._position + max_records]
        self._position += len(batch)
        self._highwater = len(self._records)
        return batch

    async def _ask(self) -> None:
        await self._process.gate()
        await asyncio.sleep(self._log.random.uniform(0.0002, 0.002))
        if self._log.away or self._process.cut:
            raise LogUnavailable("the simulated broker is away")
        await self._process.gate()
