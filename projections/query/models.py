"""The resources of the query API, for its description; the rows themselves are made into JSON by Postgres."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict


class Resource(BaseModel):
    """Base of all resources; fields may be added in later releases."""

    model_config = ConfigDict(extra="allow")


class Media(Resource):
    """A file: ``id`` where WhatsApp holds it, ``url`` where Genesys or another program does."""

    mime: str | None = None
    id: str | None = None
    url: str | None = None
    sha256: str | None = None
    filename: str | None = None
    size: int | None = None


class Message(Resource):
    """A message with its ids on both sides; ``content`` is null where kind and text say it all."""

    id: UUID
    tenant_id: str
    conversation_id: UUID
    customer_id: UUID
    channel: str
    direction: Literal["inbound", "outbound"]
    kind: str
    text: str
    content: dict[str, Any] | None
    media: Media | None
    #: wamid of the message that this one answers, reacts to, edits or revokes.
    reply_to: str | None
    author: str | None
    status: Literal["pending", "sent", "delivered", "read", "played", "failed"]
    at: datetime
    whatsapp_id: str | None
    genesys_id: str | None
    genesys_conversation_id: str | None
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    played_at: datetime | None
    failed_at: datetime | None
    failure_code: str | None
    failure_reason: str | None
    edited_at: datetime | None
    revoked_at: datetime | None
    redriven_at: datetime | None


class Participant(Resource):
    """Somebody who takes part, besides the customer; ``present`` as long as they are in it."""

    id: str
    role: Literal["customer", "bot", "queue", "agent"]
    name: str | None
    user_id: str | None
    queue_id: str | None
    genesys_conversation_id: str | None
    joined_at: datetime | None
    left_at: datetime | None
    present: bool


class Conversation(Resource):
    """A thread of one customer on one channel. ``waiting``: the customer's word, or a queue, was the last."""

    id: UUID
    tenant_id: str
    customer_id: UUID | None
    channel: str | None
    subject: str | None
    genesys_conversation_ids: list[str]
    state: Literal["active", "waiting", "closed", "error"]
    state_reason: str | None
    failure_code: str | None
    opened_at: datetime
    last_activity_at: datetime | None
    last_inbound_at: datetime | None
    last_outbound_at: datetime | None
    closed_at: datetime | None
    messages_in: int
    messages_out: int
    priority: int | None
    labels: list[str]
    attributes: dict[str, str]
    participants: list[Participant]


class TimelineEntry(Resource):
    """One thing that happened to a message."""

    type: str
    time: datetime
    words: str
    platform: Literal["whatsapp", "genesys"] | None
    part: int | None
    parts: int | None
    attempt: int | None
    status: int | None
    code: str | None
    reason: str | None
    context_id: str | None
    for_receipt: bool


class HistoryEntry(Resource):
    """A change of a conversation's state (type conversation.state_changed), or what else happened besides messages."""

    type: str
    time: datetime
    words: str
    state: Literal["active", "waiting", "closed", "error"] | None
    code: str | None
    reason: str | None
    genesys_conversation_id: str | None
    participant_id: str | None
    role: str | None
    name: str | None
    user_id: str | None
    queue_id: str | None
    changed: dict[str, Any] | None


class Changes(Resource):
    """What became different between two instants; ``before`` is null where there was nothing yet."""

    before: dict[str, Any] | None
    after: dict[str, Any]
    #: By field: both values.
    changed: dict[str, Any]
    #: What happened in between: of the history, or of the timeline.
    entries: list[dict[str, Any]]


class Alias(Resource):
    """An id by which a platform knows the customer; ``current`` until it is given up for another."""

    kind: Literal["wa_id", "user_id", "parent_user_id"]
    value: str
    current: bool


class Number(Resource):
    """A number of the customer as it is dialled and written; ``wa_id`` is WhatsApp's own spelling."""

    wa_id: str
    e164: str | None
    international: str | None
    region: str | None
    valid: bool
    current: bool


class Context(Resource):
    """What services know of the customer; ``version`` is its ETag, ``number`` counts the versions."""

    version: UUID
    number: int
    document: dict[str, Any]
    by: str
    at: datetime


class Customer(Resource):
    """A person; ``merged_ids`` are the other identities, each of which resolves to this resource."""

    id: UUID
    tenant_id: str
    name: str | None
    username: str | None
    wa_id: str | None
    user_id: str | None
    aliases: list[Alias]
    numbers: list[Number]
    merged_ids: list[UUID]
    profile: dict[str, str]
    #: Kinds of message that the customer does not want, such as marketing_messages.
    opted_out: list[str]
    context: Context | None
    conversation_ids: list[UUID]
    first_seen_at: datetime | None
    last_seen_at: datetime | None


class Window(Resource):
    """Until when the customer may be sent anything but templates."""

    open: bool
    ends_at: datetime | None


class AgentContext(Resource):
    """What an agent's desk needs about a Genesys conversation; ``messages`` are the last ones, the oldest first."""

    genesys_conversation_id: str
    tenant_id: str
    conversation: Conversation
    #: Since when the customer has waited for an answer.
    waiting_since: datetime | None
    customer: Customer | None
    window: Window
    messages: list[Message]
    other_conversations: list[Conversation]


class PartId(Resource):
    """An id that a platform gave to a part of a message."""

    platform: Literal["whatsapp", "genesys"]
    id: str
    part: int


class Mapping(Resource):
    """Ids that belong together; those of messages are absent when a thread was asked for, and the reverse."""

    tenant_id: str
    conversation_id: UUID
    customer_id: UUID
    message_id: UUID | None = None
    whatsapp_message_id: str | None = None
    genesys_message_id: str | None = None
    genesys_conversation_id: str | None = None
    parts: list[PartId] | None = None
    genesys_conversation_ids: list[str] | None = None
    wa_ids: list[str] | None = None


class DeadLetter(Resource):
    """Something that could not be used, with its bytes in base64; `relaylog dead-letters` knows it by ``letter_id``."""

    id: str
    tenant_id: str | None
    topic: str
    partition: int
    offset: int
    letter_id: str | None
    state: Literal["open", "redriven", "discarded"]
    reason: str
    origin: str
    handler: str
    attempts: int
    #: The platform's own id of its last answer, for its support.
    context_id: str | None
    at: datetime
    bytes: str | None


class Problem(Resource):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str | None = None
