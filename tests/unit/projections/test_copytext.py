"""Rows in the text format of COPY say what went in, whatever a text holds."""

from __future__ import annotations

import re

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from projections.worker.copytext import WIDTH, copy_text

_ESCAPES = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}


class Row(msgspec.Struct):
    """Of three columns."""

    one: str | None
    other: str | None
    number: int | None


texts = st.none() | st.text(st.sampled_from("a\\N\t\n\r\x00\x1f\x1e\u2028é."), max_size=6)


def read(block: bytes) -> list[list[str | None]]:
    """As Postgres reads it."""
    lines = block.decode().split("\n")
    assert lines.pop() == ""
    return [[None if value == "\\N" else _plain(value) for value in line.split("\t")] for line in lines]


def _plain(value: str) -> str:
    return re.sub(r"\\.", lambda found: _ESCAPES[found[0]], value)


@given(st.lists(st.builds(Row, texts, texts, st.none() | st.integers()), min_size=1, max_size=5))
def test_what_is_read_back_is_what_was_written(rows: list[Row]) -> None:
    shown = [
        ["t", *(None if v is None else str(v).replace("\x00", "\ufffd") for v in msgspec.structs.astuple(row))]
        for row in rows
    ]
    assert read(copy_text("t", rows)) == [row + [None] * (WIDTH - 3) for row in shown]


def test_a_mapping_becomes_an_object() -> None:
    class Held(msgspec.Struct):
        entries: dict[str, str] | None

    [[_, value, *_]] = read(copy_text("t", [Held({"a/1": '["x\\"y"]', "b/2": "[]"})]))
    assert value is not None and msgspec.json.decode(value) == {"a/1": ['x"y'], "b/2": []}
