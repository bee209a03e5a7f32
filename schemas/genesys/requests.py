"""A customer's message, and what became of ours, as Genesys requests (genesys.md sections 3 and 5)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from schemas.delivery import Call, MediaLink
from schemas.envelope import Envelope
from schemas.events import Content, MessageData, Person, StatusData
from schemas.genesys.reasons import reason_code
from schemas.identity import is_number

_Body = dict[str, Any]

_BASE = "/api/v2/conversations/messages"
_MEDIA_TYPES = {"image": "Image", "sticker": "Image", "video": "Video", "audio": "Audio"}
_DEFAULT_MIME = "application/octet-stream"
#: ``customAttributes`` are limited somewhere near 2 KB (genesys.md 3.1): seven values of this length stay below.
_ATTRIBUTE_LENGTH = 200


def message_call(fact: Envelope, data: MessageData, integration_id: str, media_link: MediaLink) -> Call:
    """The one request that a customer's message demands.

    A tap on one of our quick replies goes to the endpoint for structured responses, which only joins a conversation and
    knows no ``prefetchConversationId``; everything else is a message.
    """
    content = data.personal.content
    integration = quote(integration_id, safe="")
    if content.originating_genesys_id and content.payload:
        return Call(
            f"{_BASE}/{integration}/inbound/open/structured/response",
            {
                "channel": _channel(fact, data),
                # The content element that was tapped is a QuickReply; ``Button`` is the answer to a card's action.
                "buttonResponse": {
                    "type": "QuickReply",
                    "text": content.text or content.payload,
                    "payload": content.payload,
                },
                "originatingMessageId": content.originating_genesys_id,
            },
        )
    body: _Body = {"channel": _channel(fact, data)}
    attachment = _attachment(fact, data, media_link) if fact.type == "message.received" else None
    text = _text(fact.type, content) or ("" if attachment else f"[{content.kind}]")
    if text:
        body["text"] = text
    if attachment:
        body["content"] = [{"contentType": "Attachment", "attachment": attachment}]
    return Call(f"{_BASE}/{integration}/inbound/open/message?prefetchConversationId=true", body)


def _text(type: str, content: Content) -> str:
    if type == "message.edited":
        return f"Edited: {content.text or f'[{content.kind}]'}"
    if type == "message.revoked":
        return "[message deleted by the customer]"
    return content.text


def _attachment(fact: Envelope, data: MessageData, media_link: MediaLink) -> _Body | None:
    """The file under a URL that Genesys may fetch without our credentials (genesys.md 3.6)."""
    content, media = data.personal.content, data.personal.content.media
    if media is None or not (media.id or media.url):
        return None
    url = media_link(fact.tenantid or "", data.channel, media) if media.id else media.url
    fields = {
        "mediaType": _MEDIA_TYPES.get(content.kind, "File"),
        "url": url,
        "mime": media.mime or _DEFAULT_MIME,
        "filename": media.filename,
        "sha256": media.sha256,
        "text": content.text,
    }
    return {name: value for name, value in fields.items() if value}


def _channel(fact: Envelope, data: MessageData) -> _Body:
    personal = data.personal
    return {
        "from": _sender(personal.customer, personal.person),
        "time": fact.time,
        "messageId": personal.whatsapp_id or fact.id,
        "metadata": {"customAttributes": _attributes(data)},
    }


def _sender(customer: str, person: Person) -> _Body:
    """``from``: a number stays the bare digits that WhatsApp reports.

    The id is the key of the conversation and must never change its form (genesys.md 3.1), and digits are what every
    webhook carries: adding ``+`` would need a second rule on the way back.
    """
    sender = {"id": customer, "idType": "Phone" if is_number(customer) else "Opaque"}
    name = person.name or person.username
    return {**sender, "nickname": name} if name else sender


def _attributes(data: MessageData) -> dict[str, str]:
    """Participant data for the flow in Genesys: strings only, bounded."""
    person, details = data.personal.person, data.personal.content.details or {}
    referral = details.get("referral")
    advertisement = referral if isinstance(referral, dict) else {}
    values = {
        "waPhoneNumberId": data.channel,
        "waMessageType": data.kind,
        "waCustomerNumber": person.wa_id,
        "waCustomerId": person.user_id,
        "waUsername": person.username,
        "waReferralId": advertisement.get("source_id"),
        "waReferralHeadline": advertisement.get("headline"),
    }
    return {name: value[:_ATTRIBUTE_LENGTH] for name, value in values.items() if isinstance(value, str) and value}


def receipt_call(fact: Envelope, data: StatusData, integration_id: str) -> Call:
    """The one terminal receipt of a message from Genesys: ``Delivered``, or ``Failed`` with its reason.

    ``Read`` is not accepted there (genesys.md section 5). Where no customer is known the receipt names the integration:
    its id already says which message it is about.
    """
    failed = fact.type == "status.failed"
    body: _Body = {
        "id": data.genesys_id,
        "channel": {"to": {"id": data.personal.customer or integration_id}, "time": fact.time},
        "status": "Failed" if failed else "Delivered",
        "isFinalReceipt": True,
    }
    if failed and data.failure:
        message = f"{data.failure.reason} ({data.failure.code})"
        body["reasons"] = [{"code": reason_code(data.failure.code), "message": message}]
    return Call(f"{_BASE}/{quote(integration_id, safe='')}/inbound/open/receipt", body)
