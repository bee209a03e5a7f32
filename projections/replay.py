"""Folding the log into a generation that no worker serves: for rebuild and verify. Nothing here can send."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from projections.database import Connection, connect_owner, connect_writer
from projections.generations import Generation, create_generation, drop_generation
from projections.recipe import recipe
from projections.sql import statement
from projections.worker.batch import Batch, Folded, Span
from projections.worker.commit import commit
from projections.worker.store import Crash, Store
from schemas.errors import RelaylogError
from streams.group import Partition
from streams.log import LogUnavailable, PartitionReader, Record, partition_reader
from streams.settings import Settings
from streams.topics import DEAD_LETTERS, EVENTS, OUTCOMES, topic_name

_BATCH = 5000
#: Small enough that a worker in the same process does not wait long for its turn.
_SHARED_BATCH = 500
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
            raise ReplayRunning("another `relaylog replay`, `verify` or `repair` is running on this database")
        left = await (await connection.execute(statement("generation/unfinished"))).fetchall()
        for number, schema in left:
            await drop_generation(connection, Generation(number, schema))
        try:
            yield connection
        finally:
            # Whatever happened, the cache of what is live now may be used again.
            await connection.execute(statement("generation/allow_cache"))


@asynccontextmanager
async def shadow_store(settings: Settings, owner: Connection, cluster: str) -> AsyncIterator[tuple[Generation, Store]]:
    """A new generation with a store that has claimed every partition of it; dropped at the end."""
    async with owner.transaction():
        generation = await create_generation(owner, "shadow")
    try:
        async with claimed_store(settings, generation, cluster) as store:
            yield generation, store
    finally:
        await drop_generation(owner, generation)


@asynccontextmanager
async def rebuild_store(settings: Settings, owner: Connection, cluster: str) -> AsyncIterator[tuple[Generation, Store]]:
    """A generation that is to become live: one that was broken off, where it can be taken up again, else a new one.

    It stays when the block ends in an error, unless the log has a gap.
    """
    generation = await _broken_off(owner, cluster)
    if generation is None:
        async with owner.transaction():
            generation = await create_generation(owner, "rebuild")
    try:
        async with claimed_store(settings, generation, cluster) as store:
            yield generation, store
    except LogGap:
        await drop_generation(owner, generation)
        raise


async def _broken_off(owner: Connection, cluster: str) -> Generation | None:
    arguments = {"recipe": recipe(), "cluster": cluster}
    found = await (await owner.execute(statement("generation/broken_off"), arguments)).fetchall()
    usable = [Generation(number, schema) for number, schema, can_be_used in found if can_be_used][:1]
    for number, schema, _ in found:
        if Generation(number, schema) not in usable:
            await drop_generation(owner, Generation(number, schema))
    return usable[0] if usable else None


@asynccontextmanager
async def claimed_store(settings: Settings, generation: Generation, cluster: str) -> AsyncIterator[Store]:
    """A store that owns every partition of a generation."""
    async with await connect_writer(settings) as connection:
        store = Store(connection, generation, cluster, settings, cached=False)
        await store.prepare()
        await store.claim(all_partitions(settings))
        yield store


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


async def live_positions(
    settings: Settings, connection: Connection, generation: Generation, cluster: str
) -> dict[Partition, int]:
    """How far a generation was folded, by partition, as ``connection`` sees it."""
    found = await connection.execute(
        "SELECT topic, partition, next_offset FROM relaylog.position WHERE generation = %s AND cluster_id = %s",
        [generation.number, cluster],
    )
    return named_positions(settings, await found.fetchall())


def named_positions(settings: Settings, rows: Iterable[tuple[Any, ...]]) -> dict[Partition, int]:
    """(topic with its prefix, partition, offset) by partition; 0 where nothing was folded."""
    offsets = {(topic, number): offset for topic, number, offset in rows}
    return {
        (topic, number): offsets.get((topic_name(settings, topic), number), 0)
        for topic, number in all_partitions(settings)
    }


def _name(partition: Partition) -> str:
    return f"{partition[0]}/{partition[1]}"


class Replay:
    """Folds partition after partition up to given offsets."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        report: Report,
        *,
        tenant: str | None = None,
        share: bool = False,
        crash: Crash = lambda _: None,
    ) -> None:
        """``tenant``: fold only what is its; ``share``: rest after each batch for as long as it took."""
        self._share = share
        self._crash = crash
        self._key = None if tenant is None else tenant.encode()
        self._settings = settings
        self._store = store
        self._report = report
        #: Records folded, over all calls.
        self.records = 0

    def behind(self, targets: Mapping[Partition, int]) -> int:
        """Records up to the targets that are not folded yet."""
        return sum(max(0, target - self._store.positions[partition]) for partition, target in targets.items())

    async def fold_up_to(self, targets: Mapping[Partition, int], phase: str) -> None:
        """Fold every partition from the store's position up to, not including, its target. Raises LogGap."""
        total = self.behind(targets)
        before, started = self.records, time.monotonic()
        self._report(Progress(phase, 0, total, 0.0))
        for partition, target in targets.items():
            if self._store.positions[partition] >= target:
                continue
            async with partition_reader(self._settings, *partition) as reader:
                reader.seek(max(self._store.positions[partition], await reader.start_offset()))
                while self._store.positions[partition] < target:
                    begun = time.monotonic()
                    await self._fold_next(reader, partition, target)
                    if self._share:
                        await asyncio.sleep(time.monotonic() - begun)
                    self._report(Progress(phase, self.records - before, total, time.monotonic() - started))

    async def _fold_next(self, reader: PartitionReader, partition: Partition, target: int) -> None:
        batch = _SHARED_BATCH if self._share else _BATCH
        records = [record for record in await _some(reader, batch) if record.offset < target]
        if not records:
            raise LogGap(f"{_name(partition)}: offsets from {self._store.positions[partition]} on are missing")
        self._check_contiguous(partition, records)
        wanted = [record for record in records if self._key is None or record.key == self._key]
        if wanted:
            await commit({partition: wanted}, self._apply)
        skipped = len(records) - len(wanted)
        if skipped:
            await self._store.apply(Folded(0), [self._span(partition, records)])
            self.records += skipped

    def _check_contiguous(self, partition: Partition, records: list[Record]) -> None:
        expected = self._store.positions[partition]
        if partition[0] == DEAD_LETTERS:
            return
        for record in records:
            if record.offset != expected:
                raise LogGap(f"{_name(partition)}: offsets {expected} to {record.offset - 1} are missing")
            expected += 1

    async def _apply(self, batch: Batch, folded: Folded) -> None:
        spans = [self._span(partition, records) for partition, records in batch.items()]
        await self._store.apply(folded, spans, self._crash)
        self.records += folded.records
        self._crash("rebuild_after_batch")

    def _span(self, partition: Partition, records: list[Any]) -> Span:
        return Span(partition, self._store.positions[partition], records[-1].offset + 1)


async def _some(reader: PartitionReader, batch: int) -> list[Record]:
    """The next records, waited for. Raises LogUnavailable when none come."""
    deadline = time.monotonic() + _SILENCE_SECONDS
    while time.monotonic() < deadline:
        if records := await reader.read(batch):
            return records
    raise LogUnavailable(f"{reader.topic}/{reader.partition}: no record came in {_SILENCE_SECONDS:.0f} s")
