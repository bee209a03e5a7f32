"""A record of ``events`` as the sender looks at it."""

from __future__ import annotations

import msgspec

from agents.ledger import Destination
from schemas.envelope import Envelope, decode, milliseconds_of_time
from schemas.planning import duplicate_keys, platform_of
from streams.log import Record


class Fact(msgspec.Struct, frozen=True):
    """A decoded fact with its place in the log."""

    record: Record
    event: Envelope
    #: Keys by which a later copy is recognised.
    keys: tuple[str, ...]
    #: None when the fact demands nothing of a platform.
    destination: Destination | None

    @property
    def offset(self) -> int:
        """Its offset in ``events``, which also names its delivery."""
        return self.record.offset

    def appended_late(self, window_ms: int) -> bool:
        """True when it was appended so long after it happened that a first copy may lie before the duplicate window."""
        return self.record.timestamp - milliseconds_of_time(self.event.time) > window_ms


def read_fact(record: Record) -> Fact:
    """Decode a record. Raises UndecodableRecord, or UnknownEventVersion for a fact of a newer release."""
    event = decode(record.value)
    platform = platform_of(event)
    destination = (event.tenantid, platform) if platform is not None and event.tenantid is not None else None
    return Fact(record, event, duplicate_keys(event), destination)
