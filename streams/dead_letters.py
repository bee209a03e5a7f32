"""Dead letters: what could not be used, kept with its original bytes, the reason and where it came from."""

from __future__ import annotations

import hashlib
import time
from typing import Final, Literal

from schemas.envelope import time_of_milliseconds
from schemas.ids import event_id
from streams.log import Appended, Entry, LogWriter
from streams.topics import DEAD_LETTERS

#: Partition of what belongs to no tenant.
NO_TENANT = 0
#: ``handler`` of the sender's dead letters, whose bytes are the fact that demanded the delivery.
SENDER: Final = "sender"
#: ``handler`` of what a person did to a dead letter.
OPERATOR: Final = "operator"

#: Names of the header that makes a record a mark on the dead letter whose id it holds, instead of one itself.
Mark = Literal["discards", "redrives"]
MARKS: Final[tuple[Mark, ...]] = ("discards", "redrives")


def dead_letter_id(origin: str, value: bytes) -> str:
    """The same bytes from the same place have the same id, so that a webhook's retry is recognisable."""
    return event_id("", "dead-letter", origin, hashlib.sha256(value).hexdigest())


def dead_letter_entry(
    *,
    partition: int,
    tenant: str | None,
    value: bytes,
    reason: str,
    origin: str,
    handler: str,
    attempts: int = 0,
    at: str | None = None,
    context_id: str | None = None,
    taken: int = 0,
) -> Entry:
    """The record of a dead letter.

    ``origin`` is ``topic/partition/offset`` or the webhook's route, ``handler`` the part that gave up, ``at`` a
    canonical time (now, when left out), ``context_id`` the platform's own id of its last answer, for its support,
    ``taken`` how many parts of a delivery the platform had taken. Headers: ``id``, ``reason``, ``origin``, ``handler``,
    ``attempts``, ``at``, and ``context-id`` and ``taken`` where there are any.
    """
    headers = {
        "id": dead_letter_id(origin, value),
        "reason": reason,
        "origin": origin,
        "handler": handler,
        "attempts": str(attempts),
        "at": at or time_of_milliseconds(time.time_ns() // 1_000_000),
    }
    if context_id:
        headers["context-id"] = context_id
    if taken:
        headers["taken"] = str(taken)
    return Entry(
        DEAD_LETTERS,
        partition,
        value,
        key=None if tenant is None else tenant.encode(),
        headers=[(name, text.encode()) for name, text in headers.items()],
    )


async def dead_letter(
    writer: LogWriter,
    *,
    partition: int,
    tenant: str | None,
    value: bytes,
    reason: str,
    origin: str,
    handler: str,
    attempts: int = 0,
    at: str | None = None,
    context_id: str | None = None,
    taken: int = 0,
) -> Appended:
    """Append a dead letter (see `dead_letter_entry`). Raises LogUnavailable."""
    e = dead_letter_entry(
        partition=partition,
        tenant=tenant,
        value=value,
        reason=reason,
        origin=origin,
        handler=handler,
        attempts=attempts,
        at=at,
        context_id=context_id,
        taken=taken,
    )
    return await writer.append(e.topic, e.partition, e.value, key=e.key, headers=e.headers)


def mark_entry(mark: Mark, letter: str, *, partition: int, tenant: str | None, reason: str, by: str, at: str) -> Entry:
    """The record by which a person settles the dead letter with the id ``letter``: nothing in the topic is changed.

    It goes to the letter's partition, behind it, without bytes. Headers: ``discards`` or ``redrives`` with the letter's
    id, ``reason``, ``by``, ``handler``, ``at`` (a canonical time).
    """
    headers = {mark: letter, "reason": reason, "by": by, "handler": OPERATOR, "at": at}
    return Entry(
        DEAD_LETTERS,
        partition,
        b"",
        key=None if tenant is None else tenant.encode(),
        headers=[(name, text.encode()) for name, text in headers.items()],
    )
