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
    closed_at: str | None = None

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
        self.closed_at = greatest(self.closed_at, other.closed_at)
