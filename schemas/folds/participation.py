"""Who takes part in a conversation, what happened to it, and which Genesys conversations it had."""

from __future__ import annotations

import msgspec

from schemas.folds.registers import greatest, least


class ParticipantState(msgspec.Struct, gc=False, kw_only=True):
    """One participation, by the platform's id of it; fields in the order of its staging table.

    Somebody who left and joined again is in it: each stay is told by the conversation's events.
    """

    tenant_id: str
    conversation_id: str
    participant_id: str
    role: str
    genesys_conversation_id: str | None = None
    user_id: str | None = None
    queue_id: str | None = None
    name: str | None = None
    first_joined_at: str | None = None
    joined_at: str | None = None
    left_at: str | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """What identifies the participation."""
        return (self.tenant_id, self.conversation_id, self.participant_id)

    def join(self, other: ParticipantState) -> None:
        """Take in what ``other`` knows of the same participation; associative, commutative, idempotent."""
        self.role = min(self.role, other.role)
        self.genesys_conversation_id = least(self.genesys_conversation_id, other.genesys_conversation_id)
        self.user_id = least(self.user_id, other.user_id)
        self.queue_id = least(self.queue_id, other.queue_id)
        self.name = greatest(self.name, other.name)
        self.first_joined_at = least(self.first_joined_at, other.first_joined_at)
        self.joined_at = greatest(self.joined_at, other.joined_at)
        self.left_at = greatest(self.left_at, other.left_at)


class ConversationEvent(msgspec.Struct, gc=False, kw_only=True):
    """One fact about a conversation that is no message, kept as it came; fields in the order of its staging table."""

    tenant_id: str
    conversation_id: str
    event_id: str
    recorded_at: str
    #: Tells copies of one fact apart that were recorded in the same millisecond.
    fingerprint: str
    type: str
    at: str
    genesys_conversation_id: str | None = None
    participant_id: str | None = None
    role: str | None = None
    user_id: str | None = None
    queue_id: str | None = None
    #: Of the participant, or of the queue.
    name: str | None = None
    code: str = ""
    reason: str = ""
    #: JSON: what became of attributes, labels and priority.
    changed: str | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """What identifies the event."""
        return (self.tenant_id, self.conversation_id, self.event_id)

    def join(self, other: ConversationEvent) -> None:
        """Of two copies of one fact the one that was recorded first stays."""
        if (other.recorded_at, other.fingerprint) < (self.recorded_at, self.fingerprint):
            for name in self.__struct_fields__[3:]:
                setattr(self, name, getattr(other, name))


class GenesysConversation(msgspec.Struct, gc=False, kw_only=True):
    """A Genesys conversation of a thread, as another fact than a message names it."""

    tenant_id: str
    conversation_id: str
    genesys_conversation_id: str
    first_at: str

    @property
    def key(self) -> tuple[str, ...]:
        """What identifies the pair."""
        return (self.tenant_id, self.conversation_id, self.genesys_conversation_id)

    def join(self, other: GenesysConversation) -> None:
        """The first time it was seen."""
        self.first_at = min(self.first_at, other.first_at)
