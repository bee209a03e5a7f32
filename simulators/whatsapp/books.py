"""What WhatsApp knows of each message, and how a message reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(slots=True)
class WhatsAppLine:
    """One message; `id` is its wamid."""

    id: str
    #: `inbound`: the customer said it; `outbound`: the business sent it.
    direction: str
    #: wa_id, or a BSUID where the message was sent to one.
    customer: str
    tenant: str
    text: str | None
    kind: str
    at: datetime
    #: Outbound: accepted, sent, delivered, read or failed. Inbound: received, or read once marked so.
    status: str
    callback_data: str | None = None
    #: Place, counted from 1, in which the customer's screen showed it; None until shown.
    shown_order: int | None = None
    error_code: int | None = None
    #: Inbound only: until when the customer sees that somebody types an answer; an answer ends it.
    typing_until: datetime | None = None
    #: Inbound only: pending, accepted or lost, and the webhook calls made.
    webhook: str | None = None
    attempts: int = 0


_REPLIES = {"button_reply": "button_reply", "list_reply": "list_reply", "nfm_reply": "flow_reply"}


def kind_of(message: dict[str, Any]) -> str:
    """The kind of a message; taps are named by what was tapped."""
    kind = str(message.get("type", "text"))
    if kind == "button":
        return "button_reply"
    if kind == "interactive":
        interactive = message.get("interactive") or {}
        return _REPLIES.get(interactive.get("type", ""), "interactive")
    return kind


def text_of(message: dict[str, Any]) -> str | None:
    """The words a person reads in it: body, caption, title of a tap, or emoji."""
    content = message.get(message.get("type", "text"))
    if not isinstance(content, dict):
        return None
    for name in ("body", "caption", "emoji", "text"):
        if isinstance(content.get(name), str):
            return str(content[name])
    for name in ("button_reply", "list_reply"):
        if isinstance(content.get(name), dict):
            return str(content[name].get("title"))
    body = content.get("body")
    return str(body["text"]) if isinstance(body, dict) and "text" in body else None
