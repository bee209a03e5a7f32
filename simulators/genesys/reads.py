"""What Genesys tells of conversations and messages on request (genesys.md section 7, Reads)."""

from __future__ import annotations

from simulators.genesys.books import GenesysLine
from simulators.genesys.conversations import Conversation


def conversation_of(conversation: Conversation, lines: list[GenesysLine]) -> dict[str, object]:
    """The parts of a MessageConversation that a connector can use; the agent appears once one has written.

    Messages carry Genesys ids only: what the connector called them stands in the details of each.
    """
    inbound = [line for line in lines if line.direction == "inbound"]
    outbound = [line for line in lines if line.direction == "outbound"]
    state = "connected" if conversation.disconnected_at is None else "disconnected"
    participants = [_participant(conversation.customer_participant, "customer", state, "inbound", inbound)]
    if outbound:
        participants.append(_participant(conversation.agent_participant, "agent", state, "outbound", outbound))
    return {"id": conversation.id, "participants": participants, "recentTransfers": [], "divisions": []}


def details_of(line: GenesysLine) -> dict[str, object]:
    """The parts of the message details that a connector can use."""
    kind = "Structured" if line.kind.startswith("structured") else "Text"
    receipts = [{"type": "Receipt", "status": line.receipt, "reasons": line.reasons or []}] if line.receipt else []
    return {
        "id": line.id,
        "providerMessageId": line.wamid or line.id,
        "conversationId": line.conversation_id,
        "timestamp": line.at,
        "direction": line.direction,
        "messengerType": "open",
        "textBody": line.text or "",
        "status": _status(line),
        "normalizedMessage": {"id": line.id, "type": kind, "text": line.text or ""},
        "normalizedReceipts": receipts,
    }


def _participant(
    participant_id: str, purpose: str, state: str, direction: str, lines: list[GenesysLine]
) -> dict[str, object]:
    messages = [
        {
            "messageId": line.id,
            "messageURI": f"/api/v2/conversations/messages/{line.conversation_id}/messages/{line.id}",
            "messageStatus": _status(line),
            "messageTime": line.at,
        }
        for line in lines
    ]
    return {
        "id": participant_id,
        "purpose": purpose,
        "state": state,
        "direction": direction,
        "provider": "PureCloud Messaging",
        "type": "open",
        "messages": messages,
    }


def _status(line: GenesysLine) -> str:
    usual = "received" if line.direction == "inbound" else "sent"
    return {"Delivered": "delivery-success", "Failed": "delivery-failed"}.get(line.receipt or "", usual)
