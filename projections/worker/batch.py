"""A batch of records, folded in memory; what cannot be folded is set aside with its bytes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from projections.worker.copytext import copy_text
from projections.worker.dead_letters import DeadLetterRow, of_topic, parked
from schemas.errors import UndecodableRecord, UnknownEventVersion
from schemas.folds.fold import fold
from schemas.folds.views import Views
from streams.group import Partition
from streams.topics import DEAD_LETTERS

logger = logging.getLogger(__name__)

#: Records folded, and rows made, in one step: less than a millisecond's work.
_STEP = 20
_ROWS_OF_A_STEP = 100
#: Records of one partition in order of their offsets; a batch has each partition once.
Batch = dict[Partition, list[Any]]


@dataclass(slots=True)
class Folded:
    """What a batch amounts to."""

    records: int
    views: Views = field(default_factory=Views)
    dead_letters: list[DeadLetterRow] = field(default_factory=list)
    #: How many of the dead letters were put aside here.
    parked: int = 0
    _rows: dict[str, bytes] | None = None

    def rows(self) -> dict[str, bytes]:
        """Rows by table, ready to be copied; made once."""
        for _ in self.making_rows():
            pass
        assert self._rows is not None
        return self._rows

    def making_rows(self) -> Iterator[None]:
        """`rows` in small steps, for who has other work to look after."""
        if self._rows is not None:
            return
        blocks: dict[str, list[bytes]] = {}
        tables: dict[str, list[Any]] = {name: list(states.values()) for name, states in self.views.tables().items()}
        for name, states in (*tables.items(), ("dead_letter", self.dead_letters)):
            for start in range(0, len(states), _ROWS_OF_A_STEP):
                blocks.setdefault(name, []).append(copy_text(name, states[start : start + _ROWS_OF_A_STEP]))
                yield
        self._rows = {name: b"".join(made) for name, made in blocks.items()}


@dataclass(frozen=True, slots=True)
class Span:
    """The offsets of one partition that a batch covers, gaps included."""

    partition: Partition
    start: int
    end: int


class _Poison(Exception):
    """Folding one record failed in a way that may have left a part of it in the views."""

    def __init__(self, partition: Partition, offset: int, error: Exception) -> None:
        super().__init__(str(error))
        self.at = (partition, offset)
        self.error = error


def fold_batch(batch: Batch) -> Folded:
    """Fold every record once. Raises UnknownEventVersion, naming topic, partition and offset."""
    *_, folded = folding(batch)
    return folded


def folding(batch: Batch) -> Iterator[Folded]:
    """`fold_batch` in small steps, for who has other work to look after; what comes last is the folded batch."""
    poison: dict[tuple[Partition, int], Exception] = {}
    while True:
        try:
            folded = Folded(sum(map(len, batch.values())))
            for partition, records in batch.items():
                for start in range(0, len(records), _STEP):
                    _fold_some(folded, partition, records[start : start + _STEP], poison)
                    yield folded
            yield folded
            return
        except _Poison as found:
            poison[found.at] = found.error


def _fold_some(
    folded: Folded, partition: Partition, records: Sequence[Any], poison: dict[tuple[Partition, int], Exception]
) -> None:
    if partition[0] == DEAD_LETTERS:
        folded.dead_letters.extend(of_topic(partition, record) for record in records)
    else:
        _fold_partition(folded, partition, records, poison)


def _fold_partition(
    folded: Folded, partition: Partition, records: Sequence[Any], poison: dict[tuple[Partition, int], Exception]
) -> None:
    views = folded.views
    for record in records:
        if poison and (partition, record.offset) in poison:
            _park(folded, partition, record, poison[partition, record.offset])
            continue
        try:
            fold(record.value, views, record.offset)
        except UndecodableRecord as error:
            _park(folded, partition, record, error)
        except UnknownEventVersion as error:
            raise UnknownEventVersion(f"{partition[0]}/{partition[1]} offset {record.offset}: {error}") from None
        except Exception as error:
            raise _Poison(partition, record.offset, error) from error


def _park(folded: Folded, partition: Partition, record: Any, error: Exception) -> None:
    folded.dead_letters.append(parked(partition, record, error))
    folded.parked += 1
    logger.error(
        "%s/%d offset %d cannot be folded (%s); it is put aside with its bytes",
        *(partition[0], partition[1], record.offset, type(error).__name__),
    )


def park_only(batch: Batch, error: Exception) -> Folded:
    """The batch set aside wholly, because the database refused what its records amount to."""
    folded = Folded(sum(map(len, batch.values())))
    for partition, records in batch.items():
        for record in records:
            _park(folded, partition, record, error)
    return folded


def halves(batch: Batch) -> tuple[Batch, Batch]:
    """Two batches, the first of which comes first in every partition; of at least two records."""
    flat = [(partition, record) for partition, records in batch.items() for record in records]
    middle = len(flat) // 2
    return _grouped(flat[:middle]), _grouped(flat[middle:])


def _grouped(flat: Sequence[tuple[Partition, Any]]) -> Batch:
    batch: Batch = {}
    for partition, record in flat:
        batch.setdefault(partition, []).append(record)
    return batch
