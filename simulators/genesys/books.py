"""What Genesys knows of each message."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Attachment:
    """Media of a message; for an inbound one what fetching its URL gave: `status` None = no answer (yet)."""

    url: str
    mime: str
    status: int | None = None
    sha256: str | None = None
    length: int | None = None


@dataclass(slots=True)
class GenesysLine:
    """One message. `wamid` is the `channel.messageId` it came with; `receipt` the last status told by a receipt."""

    id: str
    #: `inbound`: from the customer, `outbound`: from an agent.
    direction: str
    customer: str
    tenant: str
    text: str | None
    #: text, image, video, audio, file, link, structured or structured_response.
    kind: str
    conversation_id: str
    at: str
    wamid: str | None = None
    receipt: str | None = None
    reasons: list[object] | None = None
    payload: str | None = None
    originating_message_id: str | None = None
    attachment: Attachment | None = None
    #: Outbound only: pending, accepted or lost, and the webhook calls made.
    webhook: str | None = None
    attempts: int = 0
