"""Rows of the table of dead letters: the topic's records, and what the projection itself had to put aside."""

from __future__ import annotations

from typing import Any

import msgspec

from schemas.envelope import time_of_milliseconds
from schemas.errors import RelaylogError
from streams.dead_letters import MARKS, Mark
from streams.group import Partition

#: What belongs to no tenant, or to none that can be told; only the operator sees it.
NO_TENANT = ""
PROJECTION = "projection"


class DeadLetterRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Fields in the order of the staging table."""

    tenant_id: str
    topic: str
    partition: int
    offset: int
    reason: str
    origin: str
    handler: str
    attempts: int
    at: str
    #: In Postgres's hex form.
    bytes: str | None
    #: The letter's id in its topic; None for what is put aside here.
    letter_id: str | None = None
    #: The platform's own id of its last answer.
    context_id: str | None = None
    #: Set where the record is an operator's mark on the letter with that id.
    mark: Mark | None = None


def of_topic(partition: Partition, record: Any) -> DeadLetterRow:
    """A record of the topic dead-letters; its headers say why it is there (streams/dead_letters.py)."""
    headers = {name: value.decode(errors="replace") for name, value in record.headers}
    attempts = headers.get("attempts", "0")
    mark = next((mark for mark in MARKS if mark in headers), None)
    return DeadLetterRow(
        tenant_id=(record.key or b"").decode(errors="replace") or NO_TENANT,
        topic=partition[0],
        partition=partition[1],
        offset=record.offset,
        reason=headers.get("reason", "unknown"),
        origin=headers.get("origin", "unknown"),
        handler=headers.get("handler", "unknown"),
        attempts=int(attempts) if attempts.isdecimal() else 0,
        at=time_of_milliseconds(record.timestamp),
        bytes=_hex(record.value),
        letter_id=headers.get(mark or "id"),
        context_id=headers.get("context-id"),
        mark=mark,
    )


def parked(partition: Partition, record: Any, error: Exception) -> DeadLetterRow:
    """A record that cannot be folded; its tenant is the record's key, if it has one."""
    return DeadLetterRow(
        tenant_id=(record.key or b"").decode(errors="replace") or NO_TENANT,
        topic=partition[0],
        partition=partition[1],
        offset=record.offset,
        reason=_reason(error),
        origin=f"{partition[0]}/{partition[1]}/{record.offset}",
        handler=PROJECTION,
        attempts=1,
        at=time_of_milliseconds(record.timestamp),
        bytes=_hex(record.value),
    )


def _reason(error: Exception) -> str:
    # A database's message may quote a value of the message; its first line names the fault.
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return text if isinstance(error, RelaylogError) else f"{type(error).__name__}: {text}"


def _hex(value: bytes | None) -> str | None:
    return None if value is None else f"\\x{value.hex()}"
