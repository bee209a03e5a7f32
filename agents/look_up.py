"""Is a message there? Genesys knows no idempotency key, but tells what a conversation holds (genesys.md 3.6, 7)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from agents.answers import Taken
from agents.circuit import Verdict
from agents.conversations import Conversation

_BASE = "/api/v2/conversations/messages"
#: Messages of a conversation whose details are asked for; with more than these in doubt the answer is not known.
DETAILS = 5
#: A participant in one of these states has left: the next message may have opened another conversation.
_LEFT = frozenset({"disconnected", "terminated"})


@dataclass(frozen=True, slots=True)
class NotThere:
    """The platform was asked, and does not have the message."""


@dataclass(frozen=True, slots=True)
class Unsure:
    """It could not be told. ``again``: asking later may; ``verdict``: what that says about the destination."""

    reason: str
    again: bool
    verdict: Verdict = Verdict.NOTHING

    @property
    def concerns_destination(self) -> bool:
        """True when a send would have met the same."""
        return self.verdict is not Verdict.NOTHING


Found = Taken | NotThere | Unsure

#: Reads a path relative to the API's base: the JSON object, or why there is none.
Get = Callable[[str], Awaitable[dict[str, Any] | Unsure]]


class _Message(msgspec.Struct, rename="camel"):
    message_id: str


class _Participant(msgspec.Struct):
    purpose: str = ""
    state: str = ""
    messages: list[_Message] = []


class _Conversation(msgspec.Struct):
    participants: list[_Participant] = []


async def find_message(get: Get, conversation: Conversation, message_id: str) -> Found:
    """Whether ``message_id`` (the ``channel.messageId`` of a call) is among what the customer said there.

    Costs one call and one for each message that came after the last known one, newest first, DETAILS at most. Messages
    of one conversation that is still connected cannot have gone elsewhere; else their absence proves nothing.
    """
    body = await get(f"{_BASE}/{conversation.id}")
    if isinstance(body, Unsure):
        return body
    try:
        read = msgspec.convert(body, _Conversation)
    except msgspec.ValidationError as error:
        return Unsure(f"conversation {conversation.id}: {error}", again=False)
    customers = [participant for participant in read.participants if participant.purpose == "customer"]
    said = [message.message_id for participant in customers for message in participant.messages]
    doubtful = _after(said, conversation.last_message)
    for genesys_id in reversed(doubtful[-DETAILS:]):
        details = await get(f"{_BASE}/{genesys_id}/details")
        if isinstance(details, Unsure):
            return details
        if details.get("providerMessageId") == message_id:
            return Taken(200, genesys_id, conversation.id)
    if len(doubtful) > DETAILS:
        return Unsure(f"{len(doubtful)} messages came since the last known one", again=False)
    if all(participant.state in _LEFT for participant in customers):
        return Unsure("the conversation has ended, so the message may have opened another", again=False)
    return NotThere()


def _after(ids: list[str], last: str | None) -> list[str]:
    return ids[ids.index(last) + 1 :] if last in ids else ids
