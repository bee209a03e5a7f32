"""An attempt to deliver: when it began, how it ended."""

from __future__ import annotations

from typing import Final

import msgspec

from schemas.folds.registers import greatest, least

#: Results by strength: an attempt that was answered late, or by two senders, keeps the strongest.
RANKS: Final = {"failed": 1, "expired": 2, "dead_lettered": 3, "accepted": 4}


class AttemptState(msgspec.Struct, gc=False, kw_only=True):
    """One attempt of one part of a delivery; fields in the order of its staging table.

    A delivery that was redriven is demanded by several facts: the offset says which of them made the attempt.
    """

    tenant_id: str
    delivery_id: str
    platform: str
    part: int
    #: Offset of the sender's takeover; attempts are counted within it.
    term: int
    attempt: int
    parts: int
    #: Offset in ``events`` of the fact that demanded the delivery.
    events_offset: int
    attempted_at: str | None = None
    ended_at: str | None = None
    #: failed, expired, dead_lettered, accepted; None while the answer is unknown.
    result: str | None = None
    rank: int = 0
    #: HTTP status of the answer.
    status: int | None = None
    code: str = ""
    reason: str = ""
    context_id: str | None = None

    @property
    def key(self) -> tuple[str | int, ...]:
        """What identifies the attempt."""
        return (
            *(self.tenant_id, self.delivery_id, self.platform, self.events_offset),
            *(self.part, self.term, self.attempt),
        )

    def join(self, other: AttemptState) -> None:
        """Take in what ``other`` knows of the same attempt; associative, commutative, idempotent."""
        self.parts = greatest(self.parts, other.parts) or self.parts
        self.attempted_at = least(self.attempted_at, other.attempted_at)
        if _answer(other) > _answer(self):
            self.ended_at, self.result, self.rank, self.status = other.ended_at, other.result, other.rank, other.status
            self.code, self.reason, self.context_id = other.code, other.reason, other.context_id


def _answer(state: AttemptState) -> tuple[int, str, str, str, int, str]:
    return (state.rank, state.ended_at or "", state.code, state.reason, state.status or 0, state.context_id or "")
