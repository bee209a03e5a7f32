"""A message: content from its own fact, status from a join semilattice of times, remote ids from either side."""

from __future__ import annotations

from typing import Final

import msgspec

from schemas.folds.registers import greatest, least

_SECONDS: Final = len("2026-11-22T10:00:00")
_WHOLE: Final = ".000Z"


class MessageState(msgspec.Struct, gc=False, kw_only=True):
    """All that is known of one message; the order of the fields is that of its staging table.

    Times are canonical text, ids are UUIDs as lower-case text, ``content`` is JSON. Content belongs to one copy of the
    fact, the one with the smallest (``recorded_at``, ``fingerprint``); both are None while only statuses or outcomes of
    the message are known.
    """

    tenant_id: str
    message_id: str
    recorded_at: str | None = None
    #: CRC-32 of the fact's type, time and data: tells copies apart that were recorded in the same millisecond.
    fingerprint: str | None = None
    conversation_id: str | None = None
    customer_id: str | None = None
    channel: str | None = None
    direction: str | None = None
    #: Type of the fact.
    fact: str | None = None
    kind: str | None = None
    author: str | None = None
    text: str | None = None
    content: str | None = None
    at: str | None = None
    #: Of the ids that a platform gave (a delivery sent twice has two) the least; `remote_id` knows them all.
    whatsapp_id: str | None = None
    genesys_id: str | None = None
    genesys_conversation_id: str | None = None
    sent_at: str | None = None
    delivered_at: str | None = None
    read_at: str | None = None
    played_at: str | None = None
    failed_at: str | None = None
    failure_code: str | None = None
    failure_reason: str | None = None
    edited_at: str | None = None
    revoked_at: str | None = None
    #: When an operator last had it sent again.
    redriven_at: str | None = None
    #: Offset in ``events`` of its first fact. WhatsApp tells times in whole seconds, so only the log has the order.
    log_position: int | None = None
    #: Its statuses and redrives as they came, see `status_entry`.
    statuses: dict[str, str] | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """What identifies the message."""
        return (self.tenant_id, self.message_id)

    @property
    def status(self) -> str:
        """whatsapp.md section 3: only upwards; whatever says that it arrived wins over a failure.

        So does a redrive over the failures before it.
        """
        if self.played_at is not None:
            return "played"
        if self.read_at is not None:
            return "read"
        if self.delivered_at is not None:
            return "delivered"
        if self.failed_at is not None and not self._failed_before(self.redriven_at):
            return "failed"
        return "pending" if self.sent_at is None else "sent"

    def _failed_before(self, redriven_at: str | None) -> bool:
        if redriven_at is None or self.failed_at is None:
            return False
        # WhatsApp tells times in whole seconds: such a failure may be later than its time says.
        whole_seconds = self.failed_at[_SECONDS:] == _WHOLE
        return self.failed_at < (redriven_at[:_SECONDS] + _WHOLE if whole_seconds else redriven_at)

    def join(self, other: MessageState) -> None:
        """Take in what ``other`` knows of the same message; associative, commutative, idempotent."""
        if other.recorded_at is not None:
            self._join_content(other)
        if other.failed_at is not None:
            self.join_failure(other.failed_at, other.failure_code, other.failure_reason)
        # Most of what is joined knows but one or two of these.
        if other.whatsapp_id is not None:
            self.whatsapp_id = least(self.whatsapp_id, other.whatsapp_id)
        if other.genesys_id is not None:
            self.genesys_id = least(self.genesys_id, other.genesys_id)
        if other.genesys_conversation_id is not None:
            self.genesys_conversation_id = least(self.genesys_conversation_id, other.genesys_conversation_id)
        if other.sent_at is not None:
            self.sent_at = least(self.sent_at, other.sent_at)
        if other.delivered_at is not None:
            self.delivered_at = least(self.delivered_at, other.delivered_at)
        if other.read_at is not None:
            self.read_at = least(self.read_at, other.read_at)
        if other.played_at is not None:
            self.played_at = least(self.played_at, other.played_at)
        if other.edited_at is not None:
            self.edited_at = greatest(self.edited_at, other.edited_at)
        if other.revoked_at is not None:
            self.revoked_at = least(self.revoked_at, other.revoked_at)
        if other.redriven_at is not None:
            self.redriven_at = greatest(self.redriven_at, other.redriven_at)
        if other.log_position is not None:
            self.log_position = least(self.log_position, other.log_position)
        if other.statuses is not None:
            self.statuses = other.statuses if self.statuses is None else self.statuses | other.statuses

    def _join_content(self, other: MessageState) -> None:
        mine = (self.recorded_at or "", self.fingerprint or "")
        if self.recorded_at is not None and mine <= (other.recorded_at or "", other.fingerprint or ""):
            return
        self.recorded_at, self.fingerprint = other.recorded_at, other.fingerprint
        self.conversation_id, self.customer_id = other.conversation_id, other.customer_id
        self.channel, self.direction = other.channel, other.direction
        self.fact, self.kind = other.fact, other.kind
        self.author, self.text, self.content, self.at = other.author, other.text, other.content, other.at

    def join_failure(self, at: str, code: str | None, reason: str | None) -> None:
        """Take in a failure: the latest stands, by its code and reason where two are of one time."""
        mine = (self.failed_at or "", self.failure_code or "", self.failure_reason or "")
        if mine < (at, code or "", reason or ""):
            self.failed_at, self.failure_code, self.failure_reason = at, code, reason
