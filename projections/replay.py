"""Folding the log into a generation that no worker serves: for rebuild and verify. Nothing here can send."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from projections.database import Connection, connect_owner, connect_writer
from projections.generations import Generation, create_generation, drop_generation
from projections.sql import statement
from projections.worker.batch import Batch, Folded, Span
from projections.worker.commit import commit
from projections.worker.store import Store
from schemas.errors import RelaylogError
from streams.group import Partition
from streams.log import LogUnavailable, PartitionReader, Record, partition_reader
from streams.settings import Settings
from streams.topics import DEAD_LETTERS, EVENTS, OUTCOMES

_BATCH = 5000
_SILENCE_SECONDS = 30.0
#: One rebuild or verification at a time; "replay" in ASCII.
_LOCK = 0x7265706C6179


class LogGap(RelaylogError):
    """The log no longer has all records from offset 0 on; tables folded from the rest would be wrong."""


class ReplayRunning(RelaylogError):
    """Another rebuild or verification of this database is running."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long piece of work is; ``phase`` is for a person, records and seconds count from the phase's start."""

    phase: str
    done: int
    total: int
    seconds: float


Report = Callable[[Progress], None]


@asynccontextmanager
async def exclusive_owner(settings: Settings) -> AsyncIterator[Connection]:
    """The owner's connection while nobody else rebuilds or verifies; what an interrupted one left behind is removed.

    Raises ReplayRunning.
    """
    async with await connect_owner(settings) as connection:
        found = await connection.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        if not (await found.fetchone() or (False,))[0]:
            raise ReplayRunning("another `relaylog replay` or `relaylog verify` is running on this database")
        left = await (await connection.execute(statement("generation/unfinished"))).fetchall()
        for number, schema in left:
            await drop_generation(connection, Generation(number, schema))
        try:
            yield connection
        finally:
            # Whatever happened, the cache of what is live now may be used again.
            await connection.execute(statement("generation/allow_cache"))


@asynccontextmanager
async def scratch_store(settings: Settings, owner: Connection, cluster: str) -> AsyncIterator[tuple[Generation, Store]]:
    """A new generation with a store that has claimed every partition of it; dropped at the end, unless it went live."""
    async with owner.transaction():
        generation = await create_generation(owner)
    try:
        async with await connect_writer(settings) as connection:
            store = Store(connection, generation, cluster, settings, cached=False)
            await store.prepare()
            await store.claim(all_partitions(settings))
            yield generation, store
    finally:
        found = await owner.execute("SELECT state FROM relaylog.generation WHERE number = %s", [generation.number])
        if (await found.fetchone() or ("building",))[0] == "building":
            await drop_generation(owner, generation)


def all_partitions(settings: Settings) -> list[Partition]:
    """Every partition of every topic that is projected."""
    return [(topic, number) for topic in (EVENTS, OUTCOMES, DEAD_LETTERS) for number in range(settings.partitions)]


async def log_bounds(settings: Settings) -> dict[Partition, tuple[int, int]]:
    """Where each partition begins and ends. Raises LogGap when one lacks its beginning (dead letters may expire)."""
    bounds = {}
    for partition in all_partitions(settings):
        async with partition_reader(settings, *partition) as reader:
            start = await reader.start_offset()
            if start > 0 and partition[0] != DEAD_LETTERS:
                raise LogGap(f"{_name(partition)} begins at offset {start}: offsets 0 to {start - 1} are missing")
            bounds[partition] = start, await reader.end_offset()
    return bounds


def _name(partition: Partition) -> str:
    return f"{partition[0]}/{partition[1]}"


class Replay:
    """Folds partition after partition up to given offsets."""

    def __init__(self, settings: Settings, store: Store, report: Report) -> None:
        self._settings = settings
        self._store = store
        self._report = report
        #: Records folded, over all calls.
        self.records = 0

    async def fold_up_to(self, targets: Mapping[Partition, int], phase: str) -> None:
        """Fold every partition from the store's position up to, not including, its target. Raises LogGap."""
        total = sum(max(0, target - self._store.positions[partition]) for partition, target in targets.items())
        before, started = self.records, time.monotonic()
        self._report(Progress(phase, 0, total, 0.0))
        for partition, target in targets.items():
            if self._store.positions[partition] >= target:
                continue
            async with partition_reader(self._settings, *partition) as reader:
                reader.seek(max(self._store.positions[partition], await reader.start_offset()))
                while self._store.positions[partition] < target:
                    await self._fold_next(reader, partition, target)
                    self._report(Progress(phase, self.records - before, total, time.monotonic() - started))

    async def _fold_next(self, reader: PartitionReader, partition: Partition, target: int) -> None:
        records = [record for record in await _some(reader) if record.offset < target]
        if not records:
            raise LogGap(f"{_name(partition)}: offsets from {self._store.positions[partition]} on are missing")
        self._check_contiguous(partition, records)
        await commit({partition: records}, self._apply)

    def _check_contiguous(self, partition: Partition, records: list[Record]) -> None:
        expected = self._store.positions[partition]
        if partition[0] == DEAD_LETTERS:
            return
        for record in records:
            if record.offset != expected:
                raise LogGap(f"{_name(partition)}: offsets {expected} to {record.offset - 1} are missing")
            expected += 1

    async def _apply(self, batch: Batch, folded: Folded) -> None:
        spans = [
            Span(partition, self._store.positions[partition], records[-1].offset + 1)
            for partition, records in batch.items()
        ]
        await self._store.apply(folded, spans)
        self.records += folded.records


async def _some(reader: PartitionReader) -> list[Record]:
    """The next records, waited for. Raises LogUnavailable when none come."""
    deadline = time.monotonic() + _SILENCE_SECONDS
    while time.monotonic() < deadline:
        if records := await reader.read(_BATCH):
            return records
    raise LogUnavailable(f"{reader.topic}/{reader.partition}: no record came in {_SILENCE_SECONDS:.0f} s")
