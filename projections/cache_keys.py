"""Keys and values of the cache: what the worker writes and the query process reads."""

from __future__ import annotations

#: A value is its row's revision in this many digits, then the resource as JSON; so that revisions compare as text.
REVISION_DIGITS = 16
#: Enough of a run id to tell two starts of one server apart.
_RUN_DIGITS = 12


def key_space(prefix: str, cache_epoch: str, run_id: str) -> str:
    """What all keys of one moment start with.

    ``prefix`` is the system's topic prefix; the epoch stands for the generation and changes with every doubt about
    rows, the run id changes with every doubt about the server.
    """
    return f"{prefix}{cache_epoch}:{run_id[:_RUN_DIGITS]}"


def cache_key(space: str, resource: str, tenant_id: str, id: str) -> str:
    """Key of one resource; what follows the space is also made in worker/sql/changed_keys.sql and hold_recent.sql."""
    return f"{space}:{resource}:{tenant_id}:{id}"


def cached_body(value: bytes) -> bytes:
    """The resource in a cached value."""
    return value[REVISION_DIGITS:]
