"""When and whose a fact is."""

from __future__ import annotations

from schemas.errors import UndecodableRecord
from schemas.folds.shapes import Header

_TIME_LENGTH = len("2026-11-22T10:00:00.000Z")


def merge_time(header: Header) -> str:
    """When it happened, but never later than we learnt of it: a clock that runs ahead freezes nothing.

    Raises UndecodableRecord unless both are canonical times, since only those compare as text.
    """
    time, recorded = header.time, header.recordedtime
    if len(time) != _TIME_LENGTH or len(recorded) != _TIME_LENGTH or time[-1] != "Z" or recorded[-1] != "Z":
        raise UndecodableRecord(f"{header.type}: time, recordedtime: expected canonical times")
    return time if time <= recorded else recorded


def tenant_of(header: Header) -> str:
    """The tenant. Raises UndecodableRecord where it is missing."""
    if not header.tenantid:
        raise UndecodableRecord(f"{header.type}: tenantid: expected the tenant's id")
    return header.tenantid
