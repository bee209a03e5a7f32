"""Rows as the text format of COPY, made as one block: escaping takes a few passes over it instead of one a value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

# Placeholders while a block is built. They and NUL (which Postgres cannot store in text) do not belong in any text of
# a platform; where they occur, they are shown as the replacement character.
_COLUMN, _ROW, _NULL = "\x1f", "\x1e", "\x1d"
_REPLACED = str.maketrans(dict.fromkeys(f"{_COLUMN}{_ROW}{_NULL}\x00", "\ufffd"))


def copy_text(rows: Iterable[msgspec.Struct]) -> bytes:
    """All fields of all ``rows``, which are of one type, in order of the fields."""
    values = [msgspec.structs.astuple(row) for row in rows]
    width = len(values[0]) if values else 0
    block = _joined(values)
    expected = (len(values) * max(0, width - 1), len(values))
    nulls = sum(row.count(None) for row in values)
    if (block.count(_COLUMN), block.count(_ROW)) != expected or block.count(_NULL) != nulls or "\x00" in block:
        block = _joined([tuple(map(_cleaned, row)) for row in values])
    escaped = block.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    return escaped.replace(_NULL, "\\N").replace(_COLUMN, "\t").replace(_ROW, "\n").encode()


def _joined(values: list[tuple[Any, ...]]) -> str:
    lines = [_COLUMN.join([v if v.__class__ is str else _NULL if v is None else str(v) for v in row]) for row in values]
    lines.append("")
    return _ROW.join(lines) if len(lines) > 1 else ""


def _cleaned(value: Any) -> Any:
    return value.translate(_REPLACED) if isinstance(value, str) else value
