"""The conversation engine: which conversation a message joins, reopens or opens (genesys.md section 7, Threading)."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass, field

from simulators.config import Behaviour


@dataclass(slots=True)
class Conversation:
    """One thread of messages; `disconnected_at` is monotonic seconds, None while connected."""

    id: str
    integration_id: str
    customer: str
    disconnected_at: float | None = None
    customer_participant: str = field(default_factory=lambda: str(uuid.uuid4()))
    agent_participant: str = field(default_factory=lambda: str(uuid.uuid4()))
    #: Ids of its messages, newest last.
    messages: list[str] = field(default_factory=list)


class Conversations:
    """Conversations by (integration, customer).

    A call reads the conversation when it arrives and joins it when its processing ends. Two first messages of a new
    customer that overlap therefore open two conversations, as in life (genesys.md section 11, item 22).
    """

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._newest: dict[tuple[str, str], Conversation] = {}
        self._by_id: dict[str, Conversation] = {}

    async def join(self, integration_id: str, customer: str) -> Conversation:
        """The conversation of an inbound call, after the time that its processing takes."""
        known = self._current(integration_id, customer)
        await asyncio.sleep(self._behaviour.processing_seconds)
        if known is None:
            return self._open(integration_id, customer)
        known.disconnected_at = None
        return known

    def for_agent(self, integration_id: str, customer: str) -> Conversation:
        """The conversation in which an agent answers; an agent who writes first opens one."""
        conversation = self._current(integration_id, customer) or self._open(integration_id, customer)
        conversation.disconnected_at = None
        return conversation

    def get(self, conversation_id: str) -> Conversation | None:
        return self._by_id.get(conversation_id)

    def disconnect(self, conversation: Conversation) -> None:
        conversation.disconnected_at = time.monotonic()

    def _current(self, integration_id: str, customer: str) -> Conversation | None:
        conversation = self._newest.get((integration_id, customer))
        if conversation is None or conversation.disconnected_at is None:
            return conversation
        age = time.monotonic() - conversation.disconnected_at
        return conversation if age < self._behaviour.threading_seconds else None

    def _open(self, integration_id: str, customer: str) -> Conversation:
        conversation = Conversation(str(uuid.uuid4()), integration_id, customer)
        self._newest[(integration_id, customer)] = conversation
        self._by_id[conversation.id] = conversation
        return conversation
