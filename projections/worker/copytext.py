"""Rows as the text format of COPY, made as one block: escaping takes a few passes over it instead of one a value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

#: Columns of the staging table behind the table's name; a narrower row is filled up with nulls.
WIDTH: Final = 28

# Placeholders while a block is built. They and NUL (which Postgres cannot store in text) do not belong in any text of
# a platform; where they occur, they are shown as the replacement character.
_COLUMN, _ROW, _NULL = "\x1f", "\x1e", "\x1d"
_REPLACED = str.maketrans(dict.fromkeys(f"{_COLUMN}{_ROW}{_NULL}\x00", "\ufffd"))


def copy_text(table: str, rows: Iterable[Any]) -> bytes:
    """Rows of the staging table: ``table``, then all fields of each of ``rows``, which are structs of one type."""
    values = [msgspec.structs.astuple(row) for row in rows]
    if not values:
        return b""
    rest = _COLUMN + _COLUMN.join([_NULL] * (WIDTH - len(values[0]))) if len(values[0]) < WIDTH else ""
    block = _joined(table, values, rest)
    nulls = sum(row.count(None) for row in values) + rest.count(_NULL) * len(values)
    expected = (len(values) * WIDTH, len(values), nulls, 0)
    if (block.count(_COLUMN), block.count(_ROW), block.count(_NULL), block.count("\x00")) != expected:
        block = _joined(table, [tuple(map(_cleaned, row)) for row in values], rest)
    escaped = block.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    return escaped.replace(_NULL, "\\N").replace(_COLUMN, "\t").replace(_ROW, "\n").encode()


def _joined(table: str, values: list[tuple[Any, ...]], rest: str) -> str:
    start, end = table + _COLUMN, rest + _ROW
    lines = [_COLUMN.join([v if v.__class__ is str else _NULL if v is None else str(v) for v in row]) for row in values]
    return start + (end + start).join(lines) + end


def _cleaned(value: Any) -> Any:
    return value.translate(_REPLACED) if isinstance(value, str) else value
