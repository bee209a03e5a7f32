"""What decides the content of the tables besides the log: two releases with one recipe fold alike."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import schemas

_HERE = Path(__file__).parent


_TABLES = _HERE / "generation" / "tables.sql"


@cache
def shape() -> str:
    """Digest of the definition of the tables."""
    return hashlib.sha256(_TABLES.read_bytes()).hexdigest()


@cache
def recipe() -> str:
    """Digest of the folds, of what turns them into rows, and of the tables."""
    digest = hashlib.sha256()
    for path in (
        *sorted(Path(schemas.__file__).parent.rglob("*.py")),
        *sorted((_HERE / "worker").rglob("*.py")),
        *sorted((_HERE / "worker").rglob("*.sql")),
        _TABLES,
    ):
        digest.update(path.read_bytes())
    return digest.hexdigest()
