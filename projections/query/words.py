"""What an entry of a timeline means, in words for a person."""

from __future__ import annotations

from typing import Any

_PLATFORMS = {"whatsapp": "WhatsApp", "genesys": "Genesys Cloud"}
_WORDS = {
    "message.received": "The customer's message came in",
    "message.composed": "A message to the customer was written",
    "message.echoed": "The business wrote to the customer from its own phone",
    "message.reacted": "The customer reacted to a message",
    "message.edited": "The customer changed the message",
    "message.revoked": "The customer deleted the message",
    "status.sent": "WhatsApp passed it on",
    "status.delivered": "It arrived on the customer's device",
    "status.read": "The customer has read it",
    "status.played": "The customer has listened to it",
    "status.failed": "It could not be delivered to the customer",
    "delivery.redriven": "An operator had it sent again",
    "receipt.published": "Genesys Cloud confirmed it",
    "receipt.failed": "Genesys Cloud could not handle it",
}
_STATE_WORDS = {
    "active": "Somebody attends to it",
    "waiting": "The customer waits for an answer",
    "closed": "It was closed",
    "error": "It cannot go on",
}
_CONVERSATION_WORDS = {
    "conversation.opened": "Genesys Cloud opened a conversation",
    "conversation.queued": "It waits in the queue {name}",
    "conversation.participant_joined": "{name} joined ({role})",
    "conversation.participant_left": "{name} left ({role})",
    "conversation.attributes_changed": "What is noted about it changed",
    "conversation.closed": "Genesys Cloud closed it",
    "conversation.failed": "Genesys Cloud reports an error",
}
_DELIVERY_WORDS = {
    "delivery.attempted": "{what} was handed to {platform}",
    "delivery.accepted": "{platform} accepted {what}",
    "delivery.failed": "{platform} did not accept {what}; it is tried again",
    "delivery.expired": "{what} became too old for {platform} and was given up",
    "delivery.dead_lettered": "{what} was given up for {platform}",
}


def words(entry: dict[str, Any]) -> str:
    """One sentence for an entry of a timeline or history; the reason, where there is one, follows."""
    if entry["type"].startswith("conversation."):
        return _conversation(entry)
    sentence: str = _WORDS.get(entry["type"]) or _delivery(entry)
    if (entry["parts"] or 1) > 1:
        sentence += f" (part {entry['part']} of {entry['parts']})"
    if (entry["attempt"] or 1) > 1:
        sentence += f" (attempt {entry['attempt']})"
    return f"{sentence}: {entry['reason']}" if entry["reason"] else sentence


def _conversation(entry: dict[str, Any]) -> str:
    if entry["state"] is not None:
        sentence = _STATE_WORDS[entry["state"]]
    else:
        named = {"name": entry["name"] or "(no name)", "role": entry["role"]}
        sentence = _CONVERSATION_WORDS[entry["type"]].format_map(named)
    return f"{sentence}: {entry['reason']}" if entry["reason"] else sentence


def _delivery(entry: dict[str, Any]) -> str:
    what = "the receipt" if entry["for_receipt"] else "the message"
    template = _DELIVERY_WORDS.get(entry["type"], entry["type"])
    sentence: str = template.format(what=what, platform=_PLATFORMS.get(entry["platform"], entry["platform"]))
    return sentence[:1].upper() + sentence[1:]
