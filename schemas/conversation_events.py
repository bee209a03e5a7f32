"""Facts about a conversation that are no messages: where it waits, who takes part, what is noted, how it ends."""

from __future__ import annotations

from typing import Literal

import msgspec

from schemas.parts import Failure, Part

Role = Literal["customer", "bot", "queue", "agent"]


class ConversationData(Part, frozen=True, kw_only=True):
    """``conversation.opened``, and what all facts of this kind name; ``subject`` of the envelope is the thread."""

    #: ``phone_number_id`` of the channel.
    channel: str
    #: The customer's pseudonym.
    customer: str | None = None
    genesys_conversation_id: str | None = None


class QueuedData(ConversationData, frozen=True, kw_only=True):
    """``conversation.queued``: it waits for somebody to take it."""

    queue_id: str | None = None
    #: Name of the queue.
    queue: str | None = None


class ParticipantPersonal(Part, frozen=True, kw_only=True):
    """Personal part of a participant."""

    name: str | None = None


class ParticipantData(ConversationData, frozen=True, kw_only=True):
    """``conversation.participant_joined`` and ``.participant_left``."""

    #: The platform's id of this participation.
    participant: str
    role: Role
    #: The platform's id of the agent or bot, one over all conversations.
    user_id: str | None = None
    queue_id: str | None = None
    #: Why somebody left.
    reason: str = ""
    personal: ParticipantPersonal = ParticipantPersonal()


class AttributesPersonal(Part, frozen=True, kw_only=True):
    """Personal part of a change of attributes."""

    #: What is noted, by name; None takes it away.
    attributes: dict[str, str | None] = msgspec.field(default_factory=dict)


class AttributesData(ConversationData, frozen=True, kw_only=True):
    """``conversation.attributes_changed``: only what changed is named."""

    labels_added: tuple[str, ...] = ()
    labels_removed: tuple[str, ...] = ()
    priority: int | None = None
    personal: AttributesPersonal = AttributesPersonal()


class ClosedData(ConversationData, frozen=True, kw_only=True):
    """``conversation.closed``; a later message opens it again."""

    reason: str = ""


class ConversationFailedData(ConversationData, frozen=True, kw_only=True):
    """``conversation.failed``: the platform cannot go on with it."""

    failure: Failure
