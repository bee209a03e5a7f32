"""What a fact demands of a platform: deliveries, each a sequence of planned calls."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, Final, Literal

import msgspec

from schemas.events import Media
from schemas.outcomes import Platform

Kind = Literal["message", "receipt", "typing"]

_encoder: Final = msgspec.json.Encoder()

#: Makes the URL under which Genesys may fetch a WhatsApp file: (tenant id, phone_number_id, media) -> URL.
MediaLink = Callable[[str, str, Media], str]


#: The wamid of the customer's newest message in a thread, where it is known.
Recent = Callable[[str], str | None]


class Call(msgspec.Struct, frozen=True, dict=True):
    """One HTTP POST with a JSON body, relative to the platform's base URL.

    With ``media`` (WhatsApp only) the file is downloaded and uploaded first, and its id set at
    ``body[body["type"]]["id"]``.
    """

    path: str
    body: dict[str, Any]
    media: Media | None = None

    @cached_property
    def payload(self) -> bytes:
        """The body as it is sent, encoded once: for the digest of the plan and for every attempt."""
        return _encoder.encode(self.body)


class Delivery(msgspec.Struct, frozen=True):
    """Everything one fact demands of one platform; its calls are the numbered parts, sent in order."""

    #: Event id of the fact, of the original when it is redriven.
    id: str
    tenant: str
    platform: Platform
    kind: Kind
    #: The thread: deliveries of one lane go out one after the other.
    lane: str
    channel: str
    #: Canonical time of the fact, or of its redrive, from which the age counts.
    time: str
    calls: tuple[Call, ...]
    #: Of a redrive: so many parts had been taken before, and are not sent again.
    taken: int = 0
