"""What happened to a message, one entry a fact, kept as it came."""

from __future__ import annotations

import re
from typing import Final
from zlib import crc32

import msgspec

from schemas.errors import UndecodableRecord
from schemas.folds.registers import least
from schemas.folds.shapes import Header

_WELL_FORMED: Final = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"( [0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z){2}"
)
# Postgres cannot store it.
_NUL, _REPLACED = "\0", "\ufffd"
_encode = msgspec.json.Encoder().encode


def status_entry(header: Header, at: str, part: int, parts: int, code: str = "", reason: str = "") -> dict[str, str]:
    """One fact about a message that is kept as it came: a set of one, to be joined by union.

    The key is the fact's id and a checksum of what this copy of it says, so that copies that differ are both kept; of
    those the timeline shows the first recorded. The value is JSON: type, time, recorded time, then part, parts, code
    and reason unless it is the only part and there is nothing to say. Raises UndecodableRecord for an id or a time
    that the database could not take.
    """
    if _WELL_FORMED.fullmatch(f"{header.id} {at} {header.recordedtime}") is None:
        raise UndecodableRecord(f"{header.type}: id, time, recordedtime: expected a UUID and canonical times")
    value = f'["{header.type}","{at}","{header.recordedtime}"'
    if part != 1 or parts != 1 or code or reason:
        value += f",{part},{parts},{_encode(code).decode()},{_encode(reason.replace(_NUL, _REPLACED)).decode()}"
    value += "]"
    return {f"{header.id}/{crc32(value.encode()):08x}": value}


class ReceiptEvent(msgspec.Struct, gc=False, kw_only=True):
    """What Genesys says about a message that was posted there; it names it by its own id."""

    tenant_id: str
    genesys_id: str
    event_id: str
    type: str
    at: str
    recorded_at: str
    code: str = ""
    reason: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """What identifies the entry."""
        return (self.tenant_id, self.genesys_id, self.event_id)

    def join(self, other: ReceiptEvent) -> None:
        """Of two copies of one fact the smallest stays."""
        mine = (self.type, self.at, self.recorded_at, self.code, self.reason)
        if (other.type, other.at, other.recorded_at, other.code, other.reason) < mine:
            self.type, self.at, self.recorded_at = other.type, other.at, other.recorded_at
            self.code, self.reason = other.code, other.reason


class RemoteId(msgspec.Struct, gc=False, kw_only=True):
    """An id that a platform gave to a message, or to a part of it."""

    tenant_id: str
    platform: str
    remote_id: str
    message_id: str
    part: int

    @property
    def key(self) -> tuple[str, ...]:
        """What identifies the link."""
        return (self.tenant_id, self.platform, self.remote_id, self.message_id)

    def join(self, other: RemoteId) -> None:
        """The first part that had it."""
        self.part = least(self.part, other.part) or self.part
