"""How a remote call can end, as values; nothing about HTTP libraries leaves the clients.

What is made for each call or fact is a struct: a frozen dataclass takes eight times as long to make.
"""

from __future__ import annotations

import msgspec


class Taken(msgspec.Struct, frozen=True):
    """The platform accepted the call."""

    status: int
    #: wamid (WhatsApp) or Genesys message id.
    message_id: str | None = None
    genesys_conversation_id: str | None = None
    context_id: str | None = None


class Refused(msgspec.Struct, frozen=True):
    """The platform answered that it did not accept the call.

    ``code`` is its own (``too.many.requests.retry.after``, ``131056``).
    """

    status: int
    code: str
    reason: str
    retry_after: float | None = None
    context_id: str | None = None


class NotSent(msgspec.Struct, frozen=True):
    """No byte of the request left: the call certainly did not take effect."""

    code: str
    reason: str


class Unanswered(msgspec.Struct, frozen=True):
    """The request may have left and no answer of the platform itself came: whether it took effect is unknown."""

    code: str
    reason: str


Answer = Taken | Refused | NotSent | Unanswered
