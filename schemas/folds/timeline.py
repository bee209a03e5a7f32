"""What happened to a message, one entry a fact, kept as it came."""

from __future__ import annotations

import msgspec

from schemas.folds.registers import least


class StatusEvent(msgspec.Struct, gc=False, kw_only=True):
    """One status of one part of a message; fields in the order of its staging table."""

    tenant_id: str
    message_id: str
    event_id: str
    type: str
    at: str
    recorded_at: str
    part: int
    parts: int
    code: str = ""
    reason: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """What identifies the entry."""
        return (self.tenant_id, self.message_id, self.event_id)

    def join(self, other: StatusEvent) -> None:
        """Of two copies of one fact the smallest stays."""
        if _said(other) < _said(self):
            self.type, self.at, self.recorded_at = other.type, other.at, other.recorded_at
            self.part, self.parts, self.code, self.reason = other.part, other.parts, other.code, other.reason


def _said(event: StatusEvent) -> tuple[str, str, str, int, int, str, str]:
    return (event.type, event.at, event.recorded_at, event.part, event.parts, event.code, event.reason)


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
