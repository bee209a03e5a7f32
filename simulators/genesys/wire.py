"""Shapes that Genesys writes: normalised messages with their channel (genesys.md 3.1 and 4.2)."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any

from simulators.config import SimulatedIntegration


def new_message_id() -> str:
    """32 hex characters without dashes, unlike a conversation id."""
    return secrets.token_hex(16)


def instant() -> str:
    """Now, as the API writes it: UTC with milliseconds and Z."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def inbound_answer(integration_id: str, request: dict[str, Any], kind: str) -> dict[str, Any]:
    """What an inbound endpoint answers, but for the parts of its kind."""
    channel = request["channel"]
    answered = {"id": integration_id, "platform": "Open", "type": "Private", "time": channel["time"]}
    if channel.get("messageId") is not None:
        answered["messageId"] = channel["messageId"]
    if "from" in channel:
        answered |= {"to": {"id": integration_id}, "from": channel["from"]}
    else:
        answered |= {"to": channel["to"], "from": {"id": integration_id, "idType": "Opaque"}}
    return {"id": new_message_id(), "channel": answered, "type": kind}


def notification(
    integration: SimulatedIntegration, customer: str, conversation_id: str | None, message_id: str, kind: str
) -> dict[str, Any]:
    """An outbound notification, but for the parts of its kind."""
    message: dict[str, Any] = {
        "id": message_id,
        "channel": {
            "id": integration.integration_id,
            "platform": "Open",
            "type": "Private",
            "messageId": message_id,
            "to": {"id": customer, "idType": "Phone" if customer.isdecimal() else "Opaque"},
            "from": {"nickname": integration.integration_name, "id": integration.integration_id, "idType": "Opaque"},
            "time": instant(),
        },
        "type": kind,
        "direction": "Outbound",
    }
    if conversation_id is not None:
        message["conversationId"] = conversation_id
    return message
