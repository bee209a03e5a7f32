"""The views of one batch: every fact becomes small states, states with one key are joined."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

import msgspec

from schemas.folds.attempt import AttemptState
from schemas.folds.conversation import ConversationState
from schemas.folds.customer import ContextVersion, CustomerAlias, CustomerLink, CustomerState
from schemas.folds.field import ConversationField, CustomerField
from schemas.folds.message import MessageState
from schemas.folds.participation import ConversationEvent, GenesysConversation, ParticipantState
from schemas.folds.timeline import ReceiptEvent, RemoteId

Key = tuple[str | int, ...]


class State(Protocol):
    """An element of a join semilattice, with the key of the row that it is part of."""

    @property
    def key(self) -> Key:
        """What identifies the row."""

    def join(self, other: Any) -> None:
        """Take in what another state knows of the same row; associative, commutative, idempotent."""


AnyState = TypeVar("AnyState", bound=State)


class Views(msgspec.Struct, kw_only=True):
    """Joined states by table and key. Field names are table names."""

    message: dict[Key, MessageState] = {}
    remote_id: dict[Key, RemoteId] = {}
    receipt: dict[Key, ReceiptEvent] = {}
    attempt: dict[Key, AttemptState] = {}
    conversation_event: dict[Key, ConversationEvent] = {}
    genesys_conversation: dict[Key, GenesysConversation] = {}
    participant: dict[Key, ParticipantState] = {}
    conversation_field: dict[Key, ConversationField] = {}
    conversation: dict[Key, ConversationState] = {}
    customer: dict[Key, CustomerState] = {}
    customer_alias: dict[Key, CustomerAlias] = {}
    customer_link: dict[Key, CustomerLink] = {}
    customer_field: dict[Key, CustomerField] = {}
    context_version: dict[Key, ContextVersion] = {}

    def tables(self) -> dict[str, dict[Key, State]]:
        """Every table that has rows, in the order in which they are to be written."""
        named = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return {name: states for name, states in named if states}

    def join(self, other: Views) -> None:
        """Join table by table, row by row."""
        for name in self.__struct_fields__:
            states = getattr(self, name)
            for state in getattr(other, name).values():
                add(states, state)


def add(states: dict[Key, AnyState], state: AnyState) -> None:
    """Join ``state`` into the row with its key."""
    key = state.key
    present = states.get(key)
    if present is None:
        states[key] = state
    else:
        present.join(state)
