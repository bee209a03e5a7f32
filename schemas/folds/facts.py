"""What each fact of ``events`` says about the views."""

from __future__ import annotations

from zlib import crc32

import msgspec

from schemas.errors import UndecodableRecord
from schemas.folds.conversation import ConversationState
from schemas.folds.customers import seen
from schemas.folds.identities import conversation_of
from schemas.folds.message import MessageState
from schemas.folds.registers import least
from schemas.folds.shapes import ContentRead, Header, MessageRead, ReceiptRead, RedrivenRead, StatusRead
from schemas.folds.timeline import ReceiptEvent, RemoteId, status_entry
from schemas.folds.times import merge_time, tenant_of
from schemas.folds.views import Views, add
from schemas.ids import whatsapp_message_id

_content_decoder = msgspec.json.Decoder(ContentRead)


def message(views: Views, header: Header, data: MessageRead) -> None:
    """``message.received``, ``.composed``, ``.echoed``, ``.reacted``."""
    _message(views, header, data)


def edited(views: Views, header: Header, data: MessageRead) -> None:
    """``message.edited``: shown as a message of its own, and noted at the message that it changes."""
    refers_to = _message(views, header, data)
    if refers_to:
        target = _target(header, refers_to)
        target.edited_at = merge_time(header)
        add(views.message, target)


def revoked(views: Views, header: Header, data: MessageRead) -> None:
    """``message.revoked``: shown as a message of its own, and noted at the message that it takes back."""
    refers_to = _message(views, header, data)
    if refers_to:
        target = _target(header, refers_to)
        target.revoked_at = merge_time(header)
        add(views.message, target)


def _target(header: Header, wamid: str) -> MessageState:
    tenant = tenant_of(header)
    return MessageState(tenant_id=tenant, message_id=whatsapp_message_id(tenant, wamid))


def _message(views: Views, header: Header, data: MessageRead) -> str | None:
    tenant = tenant_of(header)
    if not header.subject:
        raise UndecodableRecord(f"{header.type}: subject: expected the thread's pseudonym")
    at = merge_time(header)
    personal = data.personal
    content = _content_decoder.decode(personal.content)
    conversation = conversation_of(tenant, header.subject)
    customer = seen(views, tenant, data.customer, personal.person, at)
    inbound = data.direction == "inbound"
    state = MessageState(
        tenant_id=tenant,
        message_id=header.id,
        recorded_at=header.recordedtime,
        fingerprint=f"{crc32(header.data, crc32((header.type + header.time).encode())):08x}",
        conversation_id=conversation,
        customer_id=customer,
        channel=data.channel,
        direction=data.direction,
        fact=header.type,
        kind=data.kind,
        author=data.author,
        text=content.text,
        content=None if content.is_plain else bytes(personal.content).decode(),
        at=at,
        whatsapp_id=personal.whatsapp_id,
        genesys_id=data.genesys_id,
        genesys_conversation_id=data.genesys_conversation_id,
        # WhatsApp already has what the business's own phone wrote.
        sent_at=at if header.type == "message.echoed" else None,
        log_position=header.log_position,
    )
    add(views.message, state)
    thread = ConversationState(
        tenant_id=tenant,
        conversation_id=conversation,
        customer_id=customer,
        channel=data.channel,
        subject=header.subject,
        opened_at=at,
        last_inbound_at=at if inbound else None,
        last_outbound_at=None if inbound else at,
    )
    add(views.conversation, thread)
    return content.refers_to


def status(views: Views, header: Header, data: StatusRead) -> None:
    """``status.*``: the message itself moves with its last part, and fails with any."""
    tenant = tenant_of(header)
    at = merge_time(header)
    code, reason = (data.failure.code, data.failure.reason) if data.failure else ("", "")
    entry = status_entry(header, at, data.part, data.parts, code, reason)
    # Joined into the row in place: most facts are statuses, and most of a status is nothing.
    state = views.message.get((tenant, data.message))
    if state is None:
        state = views.message[tenant, data.message] = MessageState(tenant_id=tenant, message_id=data.message)
    state.statuses = entry if state.statuses is None else state.statuses | entry
    state.genesys_id = least(state.genesys_id, data.genesys_id)
    if header.type == "status.failed":
        state.join_failure(at, code, reason)
    elif data.part == data.parts:
        _step(state, header.type, at)
    wamid = data.personal.whatsapp_id
    if wamid and data.part == 1:
        state.whatsapp_id = least(state.whatsapp_id, wamid)
    if wamid and data.parts > 1:
        known = RemoteId(
            tenant_id=tenant, platform="whatsapp", remote_id=wamid, message_id=data.message, part=data.part
        )
        add(views.remote_id, known)


def _step(state: MessageState, type: str, at: str) -> None:
    if type == "status.sent":
        state.sent_at = least(state.sent_at, at)
    elif type == "status.delivered":
        state.delivered_at = least(state.delivered_at, at)
    elif type == "status.read":
        state.read_at = least(state.read_at, at)
    else:
        state.played_at = least(state.played_at, at)


def receipt(views: Views, header: Header, data: ReceiptRead) -> None:
    """``receipt.published`` and ``.failed`` (genesys.md section 5)."""
    event = ReceiptEvent(
        tenant_id=tenant_of(header),
        genesys_id=data.genesys_id,
        event_id=header.id,
        type=header.type,
        at=merge_time(header),
        recorded_at=header.recordedtime,
        code=data.failure.code if data.failure else "",
        reason=data.failure.reason if data.failure else "",
    )
    add(views.receipt, event)


def redriven(views: Views, header: Header, data: RedrivenRead) -> None:
    """``delivery.redriven``: what failed before it counts no more, and the message's timeline says who wants it."""
    tenant = tenant_of(header)
    at = merge_time(header)
    # The delivery is the message's own, or that of a receipt, whose status names the message.
    about = data.personal.original.data.message
    state = MessageState(
        tenant_id=tenant,
        message_id=about or data.delivery,
        redriven_at=at if about is None else None,
        statuses=status_entry(header, at, 1, 1, "receipt" if about else "", data.reason),
    )
    add(views.message, state)
