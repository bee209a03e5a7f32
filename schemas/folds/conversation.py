"""A conversation: the thread of one customer on one channel."""

from __future__ import annotations

import msgspec

from schemas.folds.registers import greatest, least


class ConversationState(msgspec.Struct, gc=False, kw_only=True):
    """All that its facts say about one conversation; fields in the order of its staging table.

    Whether it is active, waiting, closed or in error follows from these times and its failed messages.
    """

    tenant_id: str
    conversation_id: str
    customer_id: str | None = None
    channel: str | None = None
    #: The thread's pseudonym.
    subject: str | None = None
    opened_at: str | None = None
    last_inbound_at: str | None = None
    last_outbound_at: str | None = None
    #: Whether facts other than messages are known of it: 1, or None. What follows is only set then.
    detailed: int | None = None
    #: When Genesys last opened a conversation of the thread.
    revived_at: str | None = None
    queued_at: str | None = None
    #: When an agent or bot last joined.
    served_at: str | None = None
    closed_at: str | None = None
    closed_reason: str | None = None
    failed_at: str | None = None
    failure_code: str | None = None
    failure_reason: str | None = None
    priority: int | None = None
    priority_at: str | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """What identifies the conversation."""
        return (self.tenant_id, self.conversation_id)

    def join(self, other: ConversationState) -> None:
        """Take in what ``other`` knows of the same conversation; associative, commutative, idempotent."""
        self.customer_id = least(self.customer_id, other.customer_id)
        self.channel = least(self.channel, other.channel)
        self.subject = least(self.subject, other.subject)
        self.opened_at = least(self.opened_at, other.opened_at)
        self.last_inbound_at = greatest(self.last_inbound_at, other.last_inbound_at)
        self.last_outbound_at = greatest(self.last_outbound_at, other.last_outbound_at)
        if other.detailed is not None:
            self._join_details(other)

    def _join_details(self, other: ConversationState) -> None:
        self.detailed = 1
        self.revived_at = greatest(self.revived_at, other.revived_at)
        self.queued_at = greatest(self.queued_at, other.queued_at)
        self.served_at = greatest(self.served_at, other.served_at)
        if (other.closed_at or "", other.closed_reason or "") > (self.closed_at or "", self.closed_reason or ""):
            self.closed_at, self.closed_reason = other.closed_at, other.closed_reason
        if _failure(other) > _failure(self):
            self.failed_at, self.failure_code = other.failed_at, other.failure_code
            self.failure_reason = other.failure_reason
        if (other.priority_at or "", other.priority or 0) > (self.priority_at or "", self.priority or 0):
            self.priority_at, self.priority = other.priority_at, other.priority


def _failure(state: ConversationState) -> tuple[str, str, str]:
    return (state.failed_at or "", state.failure_code or "", state.failure_reason or "")
