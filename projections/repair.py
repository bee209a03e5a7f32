"""Repair: the rows that verify would name are rewritten from the log, and no others, while everything runs on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from psycopg import sql

from projections.audit import Audit, Result, audit
from projections.comparison import Difference
from projections.patience import give_way, patiently
from projections.replay import Report, named_positions
from projections.shapes import EVERYTHING, REVISION, Selection, TableShape, columns, same
from projections.sql import statement, template
from streams.settings import Settings

#: Rows that are rewritten in one transaction, during which the workers wait.
_CHUNK = 500
#: Rows that are held in memory; more are found by the next round.
_HELD = 100_000
#: What is repaired may hide what else is wrong (a message's thread, for one), so it is compared again.
_ROUNDS = 5

#: A row's key by column.
Key = dict[str, Any]


@dataclass(slots=True)
class RepairResult:
    """What differed, what was rewritten, and what differs now."""

    before: Result
    after: Result
    rewritten: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class _Rows:
    """Keys of the rows that differ, by table."""

    keys: dict[TableShape, dict[tuple[Any, ...], Key]] = field(default_factory=dict)
    count: int = 0

    async def add(self, shape: TableShape, difference: Difference) -> None:
        """Remember the row, while there is room."""
        held = self.keys.setdefault(shape, {})
        if self.count < _HELD and tuple(difference.key.values()) not in held:
            held[tuple(difference.key.values())] = difference.key
            self.count += 1

    def chunks(self) -> Iterator[tuple[TableShape, list[Key]]]:
        """All of them in order of their tables and keys, a few at a time."""
        for shape, held in self.keys.items():
            keys = list(held.values())
            for start in range(0, len(keys), _CHUNK):
                yield shape, keys[start : start + _CHUNK]


async def repair(settings: Settings, report: Report, *, share: bool = False) -> RepairResult:
    """Make the live tables what the log says, row by row; arguments and errors as for `verify`."""
    return await _repair(settings, report, EVERYTHING, at_once=False, share=share)


async def replay_part(settings: Settings, report: Report, selection: Selection) -> RepairResult:
    """Rebuild a part of the live tables from the beginning of the log; its rows change in one transaction."""
    return await _repair(settings, report, selection, at_once=True)


async def _repair(
    settings: Settings, report: Report, selection: Selection, *, at_once: bool, share: bool = False
) -> RepairResult:
    started = time.monotonic()
    async with audit(settings, report, selection, share=share) as shadow:
        rows = _Rows()
        before = after = await shadow.compare(rows.add)
        rewritten = 0
        for _ in range(_ROUNDS):
            if after.agrees:
                break
            rewritten += await _rewrite(shadow, rows, at_once=at_once)
            rows = _Rows()
            after = await shadow.compare(rows.add)
    return RepairResult(before, after, rewritten, time.monotonic() - started)


async def _rewrite(shadow: Audit, rows: _Rows, *, at_once: bool) -> int:
    if at_once:
        await patiently(partial(_rewrite_chunks, shadow, list(rows.chunks())))
    else:
        for chunk in rows.chunks():
            await patiently(partial(_rewrite_chunks, shadow, [chunk]))
    return rows.count


async def _rewrite_chunks(shadow: Audit, chunks: Sequence[tuple[TableShape, list[Key]]]) -> None:
    """While nobody else can commit, fold what came since, and take these rows over as they then are."""
    owner = shadow.owner
    async with owner.transaction():
        await give_way(owner)
        arguments = {"generation": shadow.live.number, "cluster": shadow.cluster}
        held = await owner.execute(statement("repairing/hold_positions"), arguments)
        await shadow.replay.fold_up_to(named_positions(shadow.settings, await held.fetchall()), "repairing")
        for shape, keys in chunks:
            text = {"keys": json.dumps(keys)}
            await owner.execute(_delete(shadow, shape), text)
            await owner.execute(_upsert(shadow, shape), text)
        # Whatever is cached of these rows is void.
        await owner.execute(statement("worker/sql/renew_cache"), {"generation": shadow.live.number})


def _delete(shadow: Audit, shape: TableShape) -> sql.Composed:
    return template("repairing/delete").format(
        live=shape.in_schema(shadow.live),
        shadow=shape.in_schema(shadow.shadow),
        same_as_key=same(shape.key, "t", "k"),
        shadow_same=same(shape.key, "s", "k"),
    )


def _upsert(shadow: Audit, shape: TableShape) -> sql.Composed:
    changed = [name for name in shape.written if name not in shape.key and name != REVISION]
    changes = [sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in changed]
    if REVISION in shape.written:
        changes.append(sql.SQL("{0} = t.{0} + 1").format(sql.Identifier(REVISION)))
    return template("repairing/upsert").format(
        live=shape.in_schema(shadow.live),
        shadow=shape.in_schema(shadow.shadow),
        columns=columns(shape.written),
        shadow_columns=columns(shape.written, "s"),
        shadow_key=same(shape.key, "s", "k"),
        order=columns(shape.key, "s"),
        key=columns(shape.key),
        changes=sql.SQL(", ").join(changes),
    )
