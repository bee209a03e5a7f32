"""Facts about conversations and customers that are no messages."""

from __future__ import annotations

from typing import Any

from schemas import ids
from schemas.conversation_events import (
    AttributesData,
    AttributesPersonal,
    ClosedData,
    ConversationData,
    ConversationFailedData,
    ParticipantData,
    ParticipantPersonal,
    QueuedData,
    Role,
)
from schemas.customer_events import (
    AliasData,
    AliasPersonal,
    ContextWrite,
    IdentifiedData,
    IdentifiedPersonal,
    PreferenceData,
    PreferencePersonal,
    UpdatedData,
    UpdatedPersonal,
)
from schemas.envelope import encode, envelope
from schemas.parts import Failure, Part, Person
from tests.integration.projections.support import ACME, CHANNEL, subject_of

CUSTOMER = "447700900123"
GENESYS = "conversation-1"


def fact(type: str, at: str, data: Part, *, customer: str | None = CUSTOMER, tenant: str = ACME, id: str = "") -> bytes:
    """A record; ``id`` tells facts of one type and time apart."""
    return encode(
        envelope(
            id=ids.event_id(tenant, "test", type, at, id),
            type=type,
            source="genesys/integration",
            time=at,
            recordedtime=at,
            data=data,
            tenantid=tenant,
            subject=None if customer is None else subject_of(customer),
        )
    )


class Doings:
    """Facts about one thread."""

    def __init__(self, customer: str = CUSTOMER, genesys: str | None = GENESYS, tenant: str = ACME) -> None:
        self._customer = customer
        self._tenant = tenant
        self._named: dict[str, Any] = {
            "channel": CHANNEL,
            "customer": f"pseudonym-{customer}",
            "genesys_conversation_id": genesys,
        }

    def _fact(self, verb: str, at: str, data: Part, id: str = "") -> bytes:
        return fact(f"conversation.{verb}", at, data, customer=self._customer, tenant=self._tenant, id=id)

    def opened(self, at: str) -> bytes:
        return self._fact("opened", at, ConversationData(**self._named))

    def queued(self, at: str, queue: str = "Parcels") -> bytes:
        return self._fact("queued", at, QueuedData(**self._named, queue_id=f"id of {queue}", queue=queue))

    def joined(self, at: str, participant: str, role: Role = "agent", name: str | None = None) -> bytes:
        return self._fact("participant_joined", at, self._participant(participant, role, name), participant)

    def left(self, at: str, participant: str, role: Role = "agent", reason: str = "") -> bytes:
        return self._fact("participant_left", at, self._participant(participant, role, None, reason), participant)

    def _participant(self, participant: str, role: Role, name: str | None, reason: str = "") -> ParticipantData:
        return ParticipantData(
            **self._named,
            participant=participant,
            role=role,
            user_id=f"user of {participant}",
            reason=reason,
            personal=ParticipantPersonal(name=name),
        )

    def noted(
        self,
        at: str,
        *,
        added: tuple[str, ...] = (),
        removed: tuple[str, ...] = (),
        priority: int | None = None,
        **attributes: str | None,
    ) -> bytes:
        data = AttributesData(
            **self._named,
            labels_added=added,
            labels_removed=removed,
            priority=priority,
            personal=AttributesPersonal(attributes=attributes),
        )
        return self._fact("attributes_changed", at, data)

    def closed(self, at: str, reason: str = "solved") -> bytes:
        return self._fact("closed", at, ClosedData(**self._named, reason=reason))

    def failed(self, at: str) -> bytes:
        failure = Failure(code="error.flow", reason="The flow ended with an error")
        return self._fact("failed", at, ConversationFailedData(**self._named, failure=failure))


def alias_added(at: str, previous: Person, current: Person, old: str, new: str, tenant: str = ACME) -> bytes:
    """Two customers, by what their pseudonyms are made of, are one person."""
    data = AliasData(
        channel=CHANNEL,
        customer=f"pseudonym-{old}",
        new_customer=f"pseudonym-{new}",
        personal=AliasPersonal(previous=previous, current=current),
    )
    return fact("customer.alias_added", at, data, customer=old, tenant=tenant, id=old + new)


def identified(at: str, customer: str, other: str) -> bytes:
    """A service says that both are one person."""
    data = IdentifiedData(
        customer=f"pseudonym-{customer}",
        other_customer=f"pseudonym-{other}",
        by="crm",
        personal=IdentifiedPersonal(person=Person()),
    )
    return fact("customer.identified", at, data, customer=None)


def opted(
    way: str, at: str, customer: str = CUSTOMER, category: str = "marketing_messages", *, tenant: str = ACME
) -> bytes:
    """``out`` or ``in``."""
    data = PreferenceData(
        channel=CHANNEL,
        customer=f"pseudonym-{customer}",
        category=category,
        personal=PreferencePersonal(person=Person(wa_id=customer)),
    )
    return fact(f"customer.opted_{way}", at, data, customer=customer, tenant=tenant)


def updated(
    at: str,
    customer: str = CUSTOMER,
    *,
    context: ContextWrite | None = None,
    tenant: str = ACME,
    id: str = "",
    **profile: str | None,
) -> bytes:
    """A service tells what it knows."""
    personal = UpdatedPersonal(profile=profile, context=context)
    data = UpdatedData(customer=f"pseudonym-{customer}", by="crm", personal=personal)
    return fact("customer.updated", at, data, customer=None, tenant=tenant, id=id)
