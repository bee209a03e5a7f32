"""What other programs tell about customers and conversations: profiles, context documents, attributes, labels."""

from __future__ import annotations

from typing import Annotated, Any, Self
from uuid import UUID

import msgspec
from pydantic import AfterValidator, Field, field_validator, model_validator

from schemas.conversation_events import AttributesData, AttributesPersonal
from schemas.customer_events import ContextWrite, UpdatedData, UpdatedPersonal
from schemas.errors import InvalidInput
from schemas.identity import customer_of
from schemas.ids import customer_pseudonym
from schemas.intake_shapes import Customer, Name, Strict, thread_named
from schemas.tenant import Tenant

#: Of a context document as JSON.
MOST_CONTEXT_BYTES = 16 * 1024
_MOST_FIELDS = 64


def _storable(value: str) -> str:
    if "\x00" in value:
        raise ValueError("text without the character NUL")
    return value


Value = Annotated[str, Field(max_length=1024), AfterValidator(_storable)]
Fields = Annotated[dict[Name, Value | None], Field(max_length=_MOST_FIELDS)]
Labels = Annotated[tuple[Name, ...], Field(max_length=_MOST_FIELDS)]


class _ContextIn(Strict):
    document: dict[str, Any]
    #: Version that is replaced; None where there is none yet.
    replaces: UUID | None = None

    @field_validator("document")
    @classmethod
    def _small(cls, value: dict[str, Any]) -> dict[str, Any]:
        encoded = msgspec.json.encode(value)
        if b"\\u0000" in encoded:
            raise ValueError("JSON without the character NUL")
        if len(encoded) > MOST_CONTEXT_BYTES:
            raise ValueError(f"at most {MOST_CONTEXT_BYTES} bytes")
        return value


class UpdatedIn(Strict):
    """``data`` of ``customer.updated``."""

    customer: Customer
    profile: Fields = Field(default_factory=dict)
    context: _ContextIn | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.profile or self.context or self.customer.name):
            raise ValueError("a profile, a context or a name")
        return self


class NotedIn(Strict):
    """``data`` of ``conversation.attributes_changed``."""

    channel: Name
    customer: Customer
    attributes: Fields = Field(default_factory=dict)
    labels_added: Labels = ()
    labels_removed: Labels = ()
    priority: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.attributes or self.labels_added or self.labels_removed or self.priority is not None):
            raise ValueError("attributes, labels_added, labels_removed or priority")
        if set(self.labels_added) & set(self.labels_removed):
            raise ValueError("labels that are not added and removed at once")
        return self


def updated(told: UpdatedIn, tenant: Tenant, by: str) -> tuple[UpdatedData, None]:
    """It is about a customer over all threads. Raises InvalidInput."""
    person = told.customer.person()
    customer = customer_of(tenant, person)
    if customer is None:
        raise InvalidInput("data.customer", "wa_id or user_id")
    context = None
    if told.context is not None:
        replaces = None if told.context.replaces is None else str(told.context.replaces)
        context = ContextWrite(document=told.context.document, replaces=replaces)
    personal = UpdatedPersonal(person=person, profile=told.profile, context=context)
    return UpdatedData(customer=customer_pseudonym(tenant.pepper_bytes, customer), by=by, personal=personal), None


def noted(told: NotedIn, tenant: Tenant) -> tuple[AttributesData, str]:
    """It is about the customer's thread on a channel. Raises InvalidInput."""
    thread = thread_named(tenant, told.channel, told.customer.person())
    data = AttributesData(
        channel=told.channel,
        customer=thread.pseudonym,
        labels_added=told.labels_added,
        labels_removed=told.labels_removed,
        priority=told.priority,
        personal=AttributesPersonal(attributes=told.attributes),
    )
    return data, thread.subject
