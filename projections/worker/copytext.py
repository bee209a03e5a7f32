"""Rows as the text format of COPY, made as one block: counting over it finds the rare one that needs escaping."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

#: Columns of the staging table behind the table's name; a narrower row is filled up with nulls.
WIDTH: Final = 29

# Postgres cannot store NUL in text; it is shown as the replacement character.
_ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\x00": "\ufffd"})


def copy_text(table: str, rows: Iterable[Any]) -> bytes:
    """Rows of the staging table: ``table``, then all fields of each of ``rows``, which are structs of one type.

    A field that is a mapping becomes a JSON object; its keys and values are JSON already, the keys without quotes.
    """
    values = [msgspec.structs.astuple(row) for row in rows]
    if not values:
        return b""
    rest = "\t\\N" * (WIDTH - len(values[0])) + "\n"
    block = _joined(table, values, rest)
    nulls = sum([row.count(None) for row in values]) + rest.count("\\") * len(values)
    counted = [block.count(special) for special in "\t\n\\\r\x00"]
    if counted != [len(values) * WIDTH, len(values), nulls, 0, 0]:
        block = _joined(table, [tuple(map(_escaped, row)) for row in values], rest)
    return block.encode()


def _joined(table: str, values: list[tuple[Any, ...]], rest: str) -> str:
    start = f"{table}\t"
    lines = ["\t".join([v if v.__class__ is str else "\\N" if v is None else _text(v) for v in row]) for row in values]
    return start + (rest + start).join(lines) + rest


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join([f'"{name}":{json}' for name, json in value.items()]) + "}"
    return str(value)


def _escaped(value: Any) -> str | None:
    if value is None:
        return None
    return (value if isinstance(value, str) else _text(value)).translate(_ESCAPED)
