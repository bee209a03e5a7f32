"""The facts: a closed set of past-tense event types, each with the shape of its data.

Everything personal (names, numbers, texts, and wamids, which contain a number) lies in ``data.personal``.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from schemas.conversation_events import (
    AttributesData,
    ClosedData,
    ConversationData,
    ConversationFailedData,
    ParticipantData,
    QueuedData,
)
from schemas.customer_events import AliasData as AliasData
from schemas.customer_events import AliasPersonal as AliasPersonal
from schemas.customer_events import IdentifiedData, UpdatedData
from schemas.customer_events import PreferenceData as PreferenceData
from schemas.customer_events import PreferencePersonal as PreferencePersonal
from schemas.parts import Failure as Failure
from schemas.parts import Part as Part
from schemas.parts import Person as Person

Direction = Literal["inbound", "outbound"]


class Media(Part, frozen=True, kw_only=True):
    """A file: ``id`` where WhatsApp holds it, ``url`` where Genesys or another program does."""

    mime: str | None = None
    id: str | None = None
    url: str | None = None
    sha256: str | None = None
    filename: str | None = None
    size: int | None = None


class Choice(Part, frozen=True, kw_only=True):
    """One quick reply that the customer may tap."""

    text: str
    payload: str


class Content(Part, frozen=True, kw_only=True):
    """What a message says, independent of the platform that carried it."""

    #: One of the kinds of the query API: text, image, video, audio, document, sticker, location, contacts,
    #: button_reply,
    #: list_reply, flow_reply, reaction, order, interactive, template, system, unsupported.
    kind: str
    #: Readable text of any kind (caption, title of the tapped button, "Location: ...").
    text: str = ""
    media: Media | None = None
    choices: tuple[Choice, ...] = ()
    #: Payload of the tapped button or row, without relaylog's prefix.
    payload: str | None = None
    #: Genesys id of the structured message that a tap answers.
    originating_genesys_id: str | None = None
    #: wamid of the message that this one answers, reacts to, edits or revokes.
    refers_to: str | None = None
    #: wamids or Genesys ids apart, the kind's own fields as the platform sent them (location, contacts, order, ...).
    details: dict[str, Any] | None = None


class MessagePersonal(Part, frozen=True, kw_only=True):
    """Personal part of a message."""

    #: The customer's id in this tenant (``from.id`` towards Genesys): BSUID or wa_id by the tenant's setting.
    customer: str
    content: Content
    person: Person = Person()
    whatsapp_id: str | None = None
    #: The element exactly as the platform sent it.
    original: dict[str, Any] | None = None


class MessageData(Part, frozen=True, kw_only=True):
    """``message.received``, ``.composed``, ``.echoed``, ``.edited``, ``.revoked``, ``.reacted``."""

    #: ``phone_number_id`` of the channel.
    channel: str
    #: The customer's pseudonym.
    customer: str
    direction: Direction
    kind: str
    personal: MessagePersonal
    genesys_id: str | None = None
    genesys_conversation_id: str | None = None
    #: Who wrote it on our side: agent, bot, api, business phone, relaylog.
    author: str | None = None


class StatusPersonal(Part, frozen=True, kw_only=True):
    """Personal part of a status."""

    whatsapp_id: str | None = None
    recipient: Person = Person()
    #: The customer's id in this tenant, where the status lets us know it.
    customer: str | None = None
    original: dict[str, Any] | None = None


class StatusData(Part, frozen=True, kw_only=True):
    """``status.sent``, ``.delivered``, ``.read``, ``.played``, ``.failed`` of a message that we sent to WhatsApp."""

    channel: str
    #: Event id of the message: from the callback data that we sent along, else derived from the wamid.
    message: str
    #: The customer's pseudonym, where the status names a customer.
    customer: str | None = None
    #: A long message is sent in numbered parts, each with statuses of its own.
    part: int = 1
    parts: int = 1
    genesys_id: str | None = None
    failure: Failure | None = None
    personal: StatusPersonal = StatusPersonal()


class TypingData(Part, frozen=True, kw_only=True):
    """``typing.started`` by an agent or bot."""

    channel: str
    customer: str
    genesys_id: str | None = None
    duration_ms: int | None = None


class ReceiptData(Part, frozen=True, kw_only=True):
    """``receipt.published`` and ``receipt.failed``: Genesys on a message that we posted."""

    channel: str
    #: Genesys id of the message that the receipt is about.
    genesys_id: str
    customer: str | None = None
    genesys_conversation_id: str | None = None
    failure: Failure | None = None


class ErrorData(Part, frozen=True, kw_only=True):
    """``platform.error_reported``: an error that WhatsApp reported without a message."""

    channel: str
    failure: Failure
    original: dict[str, Any] | None = None


class TemplateData(Part, frozen=True, kw_only=True):
    """``template.changed``: status, quality, category or components of a template of one WABA."""

    waba_id: str
    field: str
    original: dict[str, Any]


class RedrivenPersonal(Part, frozen=True, kw_only=True):
    """The original, which may hold anything personal."""

    #: The whole envelope of the fact whose delivery was given up, as it stands in the log.
    original: msgspec.Raw


class RedrivenData(Part, frozen=True, kw_only=True):
    """``delivery.redriven``: an operator wants a delivery that was given up to be made after all."""

    channel: str
    #: Event id of the original fact, which names the delivery.
    delivery: str
    #: 1 for the first redrive of the delivery.
    number: int
    #: Offset of the original fact in ``events``: redrives are appended in this order.
    offset: int
    reason: str
    by: str
    #: So many of its parts had been taken when it was given up: they are not sent again.
    taken: int = 0
    personal: RedrivenPersonal


#: Every fact and the shape of its data. What is not here is not a fact.
FACTS: dict[str, type[Part]] = {
    "message.received": MessageData,
    "message.composed": MessageData,
    "message.echoed": MessageData,
    "message.edited": MessageData,
    "message.revoked": MessageData,
    "message.reacted": MessageData,
    "status.sent": StatusData,
    "status.delivered": StatusData,
    "status.read": StatusData,
    "status.played": StatusData,
    "status.failed": StatusData,
    "typing.started": TypingData,
    "receipt.published": ReceiptData,
    "receipt.failed": ReceiptData,
    "platform.error_reported": ErrorData,
    "conversation.opened": ConversationData,
    "conversation.queued": QueuedData,
    "conversation.participant_joined": ParticipantData,
    "conversation.participant_left": ParticipantData,
    "conversation.attributes_changed": AttributesData,
    "conversation.closed": ClosedData,
    "conversation.failed": ConversationFailedData,
    "customer.alias_added": AliasData,
    "customer.identified": IdentifiedData,
    "customer.updated": UpdatedData,
    "customer.opted_out": PreferenceData,
    "customer.opted_in": PreferenceData,
    "template.changed": TemplateData,
    "delivery.redriven": RedrivenData,
}
