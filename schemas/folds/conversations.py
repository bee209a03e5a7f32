"""What facts about a conversation that are no messages say about the views."""

from __future__ import annotations

from zlib import crc32

import msgspec

from schemas.conversation_events import (
    AttributesData,
    ClosedData,
    ConversationData,
    ConversationFailedData,
    ParticipantData,
    QueuedData,
)
from schemas.errors import UndecodableRecord
from schemas.folds.conversation import ConversationState
from schemas.folds.field import ConversationField
from schemas.folds.identities import conversation_of, customer_of
from schemas.folds.participation import ConversationEvent, GenesysConversation, ParticipantState
from schemas.folds.shapes import Header
from schemas.folds.times import merge_time, tenant_of
from schemas.folds.views import Views, add

_encode = msgspec.json.Encoder(order="sorted").encode


def opened(views: Views, header: Header, data: ConversationData) -> None:
    """``conversation.opened``."""
    state, event = _said(views, header, data)
    state.revived_at = event.at
    _keep(views, state, event)


def queued(views: Views, header: Header, data: QueuedData) -> None:
    """``conversation.queued``."""
    state, event = _said(views, header, data)
    event.queue_id, event.name = data.queue_id, data.queue
    state.queued_at = event.at
    _keep(views, state, event)


def participant(views: Views, header: Header, data: ParticipantData) -> None:
    """``conversation.participant_joined`` and ``.participant_left``."""
    state, event = _said(views, header, data)
    joined = header.type == "conversation.participant_joined"
    event.participant_id, event.role, event.user_id = data.participant, data.role, data.user_id
    event.queue_id, event.name, event.reason = data.queue_id, data.personal.name, data.reason
    stay = ParticipantState(
        tenant_id=event.tenant_id,
        conversation_id=event.conversation_id,
        participant_id=data.participant,
        role=data.role,
        genesys_conversation_id=data.genesys_conversation_id,
        user_id=data.user_id,
        queue_id=data.queue_id,
        name=data.personal.name,
        first_joined_at=event.at if joined else None,
        joined_at=event.at if joined else None,
        left_at=None if joined else event.at,
    )
    add(views.participant, stay)
    if joined and data.role in ("agent", "bot"):
        state.served_at = event.at
    _keep(views, state, event)


def attributes_changed(views: Views, header: Header, data: AttributesData) -> None:
    """``conversation.attributes_changed``."""
    state, event = _said(views, header, data)
    labels = {**dict.fromkeys(data.labels_added, ""), **dict.fromkeys(data.labels_removed)}
    event.changed = _encode(
        {"attributes": data.personal.attributes, "labels": labels, "priority": data.priority}
    ).decode()
    for kind, values in (("attribute", data.personal.attributes), ("label", labels)):
        for name, value in values.items():
            field = ConversationField(
                tenant_id=event.tenant_id,
                conversation_id=event.conversation_id,
                kind=kind,
                name=name,
                value=value,
                at=event.at,
                event_id=event.event_id,
            )
            add(views.conversation_field, field)
    if data.priority is not None:
        state.priority, state.priority_at = data.priority, event.at
    _keep(views, state, event)


def closed(views: Views, header: Header, data: ClosedData) -> None:
    """``conversation.closed``."""
    state, event = _said(views, header, data)
    event.reason = data.reason
    state.closed_at, state.closed_reason = event.at, data.reason
    _keep(views, state, event)


def failed(views: Views, header: Header, data: ConversationFailedData) -> None:
    """``conversation.failed``."""
    state, event = _said(views, header, data)
    event.code, event.reason = data.failure.code, data.failure.reason
    state.failed_at, state.failure_code, state.failure_reason = event.at, event.code, event.reason
    _keep(views, state, event)


def _said(views: Views, header: Header, data: ConversationData) -> tuple[ConversationState, ConversationEvent]:
    """What all of these facts say, for the caller to complete and to `_keep`."""
    tenant = tenant_of(header)
    if not header.subject:
        raise UndecodableRecord(f"{header.type}: subject: expected the thread's pseudonym")
    at = merge_time(header)
    conversation = conversation_of(tenant, header.subject)
    if data.genesys_conversation_id:
        known = GenesysConversation(
            tenant_id=tenant,
            conversation_id=conversation,
            genesys_conversation_id=data.genesys_conversation_id,
            first_at=at,
        )
        add(views.genesys_conversation, known)
    event = ConversationEvent(
        tenant_id=tenant,
        conversation_id=conversation,
        event_id=header.id,
        recorded_at=header.recordedtime,
        fingerprint=f"{crc32(header.data, crc32((header.type + header.time).encode())):08x}",
        type=header.type,
        at=at,
        genesys_conversation_id=data.genesys_conversation_id,
    )
    state = ConversationState(
        tenant_id=tenant,
        conversation_id=conversation,
        customer_id=customer_of(tenant, data.customer) if data.customer else None,
        channel=data.channel,
        subject=header.subject,
        opened_at=at,
        detailed=1,
    )
    return state, event


def _keep(views: Views, state: ConversationState, event: ConversationEvent) -> None:
    add(views.conversation, state)
    add(views.conversation_event, event)
