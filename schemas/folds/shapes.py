"""The facts as the folds read them: only the fields that a view shows, so that a batch decodes little."""

from __future__ import annotations

import msgspec

from schemas.events import Failure, Person

ABSENT = msgspec.Raw()


class Header(msgspec.Struct, gc=False):
    """The envelope's attributes that folds need, and where in the log it stands."""

    id: str
    type: str
    time: str
    recordedtime: str
    dataschema: str
    data: msgspec.Raw
    subject: str | None = None
    tenantid: str | None = None
    #: Set by the fold: an attribute of the record, not of the event.
    log_position: int | None = None


class ContentRead(msgspec.Struct, frozen=True, gc=False):
    """``personal.content``: everything but kind and text is shown as it is."""

    text: str = ""
    media: msgspec.Raw = ABSENT
    choices: msgspec.Raw = ABSENT
    payload: msgspec.Raw = ABSENT
    originating_genesys_id: msgspec.Raw = ABSENT
    details: msgspec.Raw = ABSENT
    refers_to: str | None = None

    @property
    def is_plain(self) -> bool:
        """Whether kind and text say it all."""
        return self.refers_to is None and not (
            len(self.media)
            + len(self.choices)
            + len(self.payload)
            + len(self.originating_genesys_id)
            + len(self.details)
        )


class MessagePersonalRead(msgspec.Struct, frozen=True, gc=False):
    """``data.personal`` of a message."""

    content: msgspec.Raw
    person: Person = Person()
    whatsapp_id: str | None = None


class MessageRead(msgspec.Struct, frozen=True, gc=False):
    """``data`` of a message."""

    channel: str
    customer: str
    direction: str
    kind: str
    personal: MessagePersonalRead
    genesys_id: str | None = None
    genesys_conversation_id: str | None = None
    author: str | None = None


class StatusPersonalRead(msgspec.Struct, frozen=True, gc=False):
    """``data.personal`` of a status."""

    whatsapp_id: str | None = None


class StatusRead(msgspec.Struct, frozen=True, gc=False):
    """``data`` of a status."""

    message: str
    part: int = 1
    parts: int = 1
    genesys_id: str | None = None
    failure: Failure | None = None
    personal: StatusPersonalRead = StatusPersonalRead()


class ReceiptRead(msgspec.Struct, frozen=True, gc=False):
    """``data`` of a Genesys receipt."""

    genesys_id: str
    failure: Failure | None = None


class AboutRead(msgspec.Struct, frozen=True, gc=False):
    """``data`` of a fact that may be about a message."""

    message: str | None = None


class OriginalRead(msgspec.Struct, frozen=True, gc=False):
    """The envelope of the fact that is redriven."""

    type: str
    data: AboutRead


class RedrivenPersonalRead(msgspec.Struct, frozen=True, gc=False):
    """``data.personal`` of a redrive."""

    original: OriginalRead


class RedrivenRead(msgspec.Struct, frozen=True, gc=False):
    """``data`` of a redrive."""

    delivery: str
    reason: str
    personal: RedrivenPersonalRead


class OutcomePersonalRead(msgspec.Struct, frozen=True, gc=False):
    """``data.personal`` of an acceptance."""

    message: str | None = None


class OutcomeRead(msgspec.Struct, frozen=True, gc=False):
    """``data`` of any record about a delivery."""

    delivery: str
    offset: int
    platform: str
    part: int = 1
    parts: int = 1
    term: int = 0
    attempt: int = 1
    status: int | None = None
    failure: Failure | None = None
    context_id: str | None = None
    genesys_conversation_id: str | None = None
    personal: OutcomePersonalRead = OutcomePersonalRead()
