"""Statements live in ``.sql`` files beside the modules that use them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from psycopg import sql

_ROOT = Path(__file__).parent


@cache
def statement(path: str) -> bytes:
    """Text of a file under ``projections/``, e.g. ``worker/sql/claim``; as bytes, which psycopg takes for a query."""
    return (_ROOT / path).with_suffix(".sql").read_bytes()


@cache
def template(path: str) -> sql.SQL:
    """A file under ``projections/`` whose ``{places}`` are to be filled with names of tables and columns."""
    return sql.SQL(statement(path).decode().strip())


def scripts(folder: str) -> dict[str, bytes]:
    """All statements of a folder by file name without suffix, in order of the names."""
    return {path.stem: path.read_bytes() for path in sorted((_ROOT / folder).glob("*.sql"))}
