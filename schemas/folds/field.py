"""Named fields of a conversation or customer: each a register, the latest change of which stands."""

from __future__ import annotations

import msgspec


class ConversationField(msgspec.Struct, gc=False, kw_only=True):
    """An attribute or a label of a conversation; ``value`` is None once it was taken away, and '' for a label."""

    tenant_id: str
    conversation_id: str
    kind: str
    name: str
    value: str | None
    at: str
    #: Of the fact: decides between two of the same time.
    event_id: str

    @property
    def key(self) -> tuple[str, ...]:
        """What identifies the field."""
        return (self.tenant_id, self.conversation_id, self.kind, self.name)

    def join(self, other: ConversationField) -> None:
        """The latest change; associative, commutative, idempotent."""
        if _change(other) > _change(self):
            self.value, self.at, self.event_id = other.value, other.at, other.event_id


class CustomerField(msgspec.Struct, gc=False, kw_only=True):
    """A field of a customer's profile, or a kind of message that the customer does or does not want.

    ``kind`` is profile or opt_out; for an opt-out ``value`` is yes or no.
    """

    tenant_id: str
    customer_id: str
    kind: str
    name: str
    value: str | None
    at: str
    event_id: str

    @property
    def key(self) -> tuple[str, ...]:
        """What identifies the field."""
        return (self.tenant_id, self.customer_id, self.kind, self.name)

    def join(self, other: CustomerField) -> None:
        """The latest change; associative, commutative, idempotent."""
        if _change(other) > _change(self):
            self.value, self.at, self.event_id = other.value, other.at, other.event_id


def _change(field: ConversationField | CustomerField) -> tuple[str, str, bool, str]:
    # Copies of one fact agree in time and id; should they not agree in the value, the greatest stands.
    return (field.at, field.event_id, field.value is not None, field.value or "")
