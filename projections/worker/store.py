"""The tables of one generation as a projection writes them: a batch and its positions in one transaction."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from psycopg import errors

from projections.cache_keys import REVISION_DIGITS
from projections.database import Connection
from projections.generations import Generation, use_generation
from projections.sql import statement
from projections.worker.batch import Folded, Span
from schemas.errors import RelaylogError
from streams.group import Partition
from streams.settings import Settings
from streams.topics import topic_name

#: The database refuses a value; the same batch would be refused again.
DATA_ERRORS = (errors.DataError, errors.IntegrityError, errors.ProgramLimitExceeded, errors.StatementTooComplex)

#: What the merge of messages stages.
_IMPLIED = {"conversation", "message_hour"}
#: Order of the merges.
_MERGED = (
    "message",
    "remote_id",
    "receipt",
    "attempt",
    "conversation_event",
    "genesys_conversation",
    "participant",
    "conversation_field",
    "conversation",
    "message_hour",
    "customer",
    "customer_alias",
    "customer_link",
    "customer_field",
    "context_version",
    "dead_letter",
)

Crash = Callable[[str], None]
#: How long a takeover waits for a position before it connects anew, which ends whoever was stopped.
_PATIENCE_SECONDS = 5
#: Rows of a statement that shows what is to be cached.
_SHOWN = 1000


class Fenced(RelaylogError):
    """Another worker owns a partition of the batch, or the generation is retired: nothing was written."""


class ForeignCluster(RelaylogError):
    """The tables were folded from another Kafka cluster, whose offsets mean nothing here."""


@dataclass(frozen=True, slots=True)
class Changed:
    """Rows by their names in the cache, and the epoch to cache them under; None when nobody may use the cache."""

    #: What follows the key space in their keys (projections/cache_keys.py).
    keys: list[str]
    cache_epoch: str | None


#: Names and values of rows to cache.
Rows = list[tuple[Any, ...]]
#: Told what is about to change; False when older values may still be cached.
Forget = Callable[[Changed], Awaitable[bool]]


class Store:
    """One worker's hold on the partitions that it has claimed."""

    def __init__(
        self, connection: Connection, generation: Generation, cluster: str, settings: Settings, *, cached: bool
    ) -> None:
        self._connection = connection
        self._generation = generation
        self._cluster = cluster
        self._settings = settings
        self._cached = cached
        self._epochs: dict[Partition, uuid.UUID] = {}
        #: Next offset to fold, by claimed partition.
        self.positions: dict[Partition, int] = {}

    async def prepare(self) -> None:
        """Make the staging tables of this connection. Raises ForeignCluster."""
        await use_generation(self._connection, self._generation)
        await self._connection.execute(statement("worker/sql/stage"))
        found = await self._connection.execute(
            statement("worker/sql/foreign_cluster"), {"generation": self._generation.number, "cluster": self._cluster}
        )
        row = await found.fetchone()
        if row is not None:
            raise ForeignCluster(
                f"the tables were folded from the Kafka cluster {row[0]}, this one is {self._cluster}: "
                "connect to that one, or rebuild the tables from this one with `relaylog replay`"
            )

    async def claim(self, partitions: Iterable[Partition]) -> None:
        """Become the only one who may move the positions of ``partitions``; others are let go.

        Raises psycopg.errors.LockNotAvailable while somebody holds one of them for longer than a batch takes.
        """
        self._epochs, self.positions = {}, {}
        await self._connection.execute(f"SET lock_timeout = '{_PATIENCE_SECONDS:d} s'".encode())
        for topic, partition in sorted(partitions):
            epoch = uuid.uuid4()
            arguments = self._row(topic) | {"partition": partition, "epoch": epoch}
            found = await self._connection.execute(statement("worker/sql/claim"), arguments)
            row = await found.fetchone()
            assert row is not None
            self._epochs[topic, partition], self.positions[topic, partition] = epoch, row[0]
        await self._connection.execute("SET lock_timeout = 0")

    async def renew_cache(self) -> str | None:
        """Void everything that is cached; returns the new epoch, None when nobody may use the cache."""
        found = await self._connection.execute(
            statement("worker/sql/renew_cache"), {"generation": self._generation.number}
        )
        row = await found.fetchone()
        return None if row is None else str(row[0])

    async def apply(
        self, folded: Folded, spans: list[Span], crash: Crash = lambda _: None, forget: Forget | None = None
    ) -> Changed:
        """Write a folded batch and move the positions, or nothing at all; tells which rows are to be cached.

        ``forget`` is told what changes just before the commit; where it fails, the commit voids all that is cached.

        Raises Fenced, psycopg.OperationalError (whether it committed is told by `claim`), and one of DATA_ERRORS.
        """
        changed = Changed([], None)
        async with self._connection.transaction():
            await self._advance(spans)
            staged = await self._stage(folded)
            crash("project_inside_transaction")
            # Sent all at once: Postgres works through them without waiting for this process, which folds meanwhile.
            async with self._connection.pipeline():
                for name in _MERGED:
                    if name in staged or (name in _IMPLIED and "message" in staged):
                        await self._connection.execute(statement(f"worker/sql/merge_{name}"))
                if "message" in staged:
                    await self._connection.execute(statement("worker/sql/prune_message_hour"))
                if self._cached and staged & {"message", "conversation"}:
                    changed = await self._changed()
            if forget is not None and not await forget(changed):
                await self.renew_cache()
                changed = Changed([], None)
            crash("project_before_commit")
        self.positions.update({span.partition: span.end for span in spans})
        return changed

    async def _advance(self, spans: list[Span]) -> None:
        arguments = {
            "generation": self._generation.number,
            "cluster": self._cluster,
            "topics": [topic_name(self._settings, span.partition[0]) for span in spans],
            "partitions": [span.partition[1] for span in spans],
            "expected": [span.start for span in spans],
            "upto": [span.end for span in spans],
            "epochs": [self._epochs[span.partition] for span in spans],
        }
        moved = await self._connection.execute(statement("worker/sql/advance"), arguments)
        if moved.rowcount != len(spans):
            raise Fenced(f"{len(spans) - moved.rowcount} of {len(spans)} positions are no longer this worker's")

    async def _stage(self, folded: Folded) -> set[str]:
        async with self._connection.cursor() as cursor, cursor.copy(b"COPY stage FROM STDIN") as copy:
            await copy.write(b"".join(folded.rows().values()))
        return set(folded.rows())

    async def recent(self, seconds: float, threads: int, messages: int) -> AsyncIterator[tuple[Changed, Rows]]:
        """Threads that were lately active, with their messages, to be cached; no row changes while it is shown."""
        limits = {"generation": self._generation.number, "seconds": seconds, "threads": threads, "messages": messages}
        async with self._connection.transaction():
            held = await (await self._connection.execute(statement("worker/sql/hold_recent"), limits)).fetchall()
            for start in range(0, len(held), _SHOWN):
                recent = _changed(held[start : start + _SHOWN])
                yield recent, await shown(self._connection, recent)

    async def _changed(self) -> Changed:
        found = await self._connection.execute(
            statement("worker/sql/changed_keys"), {"generation": self._generation.number}
        )
        return _changed(await found.fetchall())

    def _row(self, topic: str) -> dict[str, object]:
        return {
            "generation": self._generation.number,
            "cluster": self._cluster,
            "topic": topic_name(self._settings, topic),
        }


async def shown(connection: Connection, changed: Changed) -> Rows:
    """The rows as queries show them, over a connection that uses their generation."""
    if not changed.keys:
        return []
    arguments = {"keys": " ".join(changed.keys), "digits": REVISION_DIGITS}
    return await (await connection.execute(statement("worker/sql/cached_rows"), arguments)).fetchall()


def _changed(found: list[tuple[Any, ...]]) -> Changed:
    if not found or found[0][0] is None:
        return Changed([], None)
    return Changed([key for _, key in found], str(found[0][0]))
