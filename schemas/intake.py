"""A CloudEvent of another program, validated and made a fact (OUTSIDE, Topics)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

import msgspec
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from schemas.envelope import Envelope, canonical_time, envelope
from schemas.errors import InvalidInput
from schemas.events import Choice, Content, Direction, Media, MessageData, MessagePersonal, Person
from schemas.identity import customer_of, thread_of
from schemas.ids import event_id
from schemas.reading import is_plausible
from schemas.tenant import Tenant

#: Ten WhatsApp messages.
_LONGEST_TEXT = 40_960
_FILES = ("image", "video", "audio", "document")
_DIRECTIONS: dict[str, Direction] = {"message.composed": "outbound", "message.received": "inbound"}

#: How pydantic begins a message -> how one begins after "expected".
_WORDING = {
    "Value error, ": "",
    "Input should be ": "",
    "String should have ": "text with ",
    "String should match ": "text that matches ",
}

Name = Annotated[str, Field(min_length=1, max_length=256)]
Url = Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=2048)]


class _Strict(BaseModel):
    """A misspelt field of ours must not pass silently."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Customer(_Strict):
    #: Digits, with or without ``+``.
    wa_id: Annotated[str, Field(pattern=r"^\+?[0-9]{5,20}$")] | None = None
    user_id: Annotated[str, Field(pattern=r"^[A-Z]{2}\.[A-Za-z0-9.]{1,160}$")] | None = None
    name: Name | None = None

    @model_validator(mode="after")
    def _named(self) -> Self:
        if not (self.wa_id or self.user_id):
            raise ValueError("wa_id or user_id")
        return self

    def person(self) -> Person:
        return Person(wa_id=self.wa_id.lstrip("+") if self.wa_id else None, user_id=self.user_id, name=self.name)


class _Media(_Strict):
    url: Url
    mime: Annotated[str, Field(pattern=r"^[a-z]+/[^\s]{1,120}$", max_length=256)] | None = None
    filename: Name | None = None


class _Choice(_Strict):
    text: Name
    payload: Name | None = None


class _Content(_Strict):
    kind: Literal["text", "image", "video", "audio", "document", "interactive"] = "text"
    text: Annotated[str, Field(max_length=_LONGEST_TEXT)] = ""
    media: _Media | None = None
    choices: tuple[_Choice, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.kind in _FILES) != (self.media is not None):
            raise ValueError(f"media for a file ({', '.join(_FILES)}), and for nothing else")
        if self.kind == "interactive" and not self.choices:
            raise ValueError("choices for the kind interactive")
        if not (self.media or self.text.strip()):
            raise ValueError("a text or a file")
        return self

    def content(self) -> Content:
        choices = tuple(Choice(text=choice.text, payload=choice.payload or choice.text) for choice in self.choices)
        media = Media(mime=self.media.mime, url=self.media.url, filename=self.media.filename) if self.media else None
        kind = "interactive" if choices and self.kind == "text" else self.kind
        return Content(kind=kind, text=self.text, media=media, choices=choices)


class _Data(_Strict):
    channel: Name
    customer: _Customer
    content: _Content


class _Event(BaseModel):
    """The CloudEvent; attributes and extensions that we do not use are allowed, as its specification wants."""

    model_config = ConfigDict(frozen=True)

    specversion: Literal["1.0"]
    id: Name
    source: Name
    type: Literal["message.composed", "message.received"]
    tenantid: str
    time: AwareDatetime | None = None
    datacontenttype: Literal["application/json"] = "application/json"
    #: Absent: version 1.
    dataschema: str | None = None
    data: _Data

    @field_validator("time")
    @classmethod
    def _plausible(cls, value: datetime | None) -> datetime | None:
        if value is not None and not is_plausible(value):
            raise ValueError("a time of this century")
        return value


def translate_intake(value: bytes, tenant: Tenant, recordedtime: str) -> Envelope:
    """The fact that a record of ``intake`` stands for; ``tenant`` is the owner of the key that signed it.

    ``subject``, ``recordedtime`` and ``id`` are ours, the id made of the client's source and id, so that the same event
    twice is one. Raises InvalidInput naming the first bad field and what was expected there.
    """
    event = _parse(value)
    try:
        return _fact(event, tenant, value, recordedtime)
    except (ArithmeticError, RecursionError, ValueError) as error:
        raise InvalidInput("value", f"JSON that the log can hold ({type(error).__name__})") from error


def _fact(event: _Event, tenant: Tenant, value: bytes, recordedtime: str) -> Envelope:
    if event.tenantid != tenant.id:
        raise InvalidInput("tenantid", f"{tenant.id}, whose key signed the event")
    if event.dataschema not in (None, f"{event.type}/1"):
        raise InvalidInput("dataschema", f"{event.type}/1")
    if tenant.channel(event.data.channel) is None:
        raise InvalidInput("data.channel", f"the phone_number_id of a channel of tenant {tenant.id}")
    identity = event_id(tenant.id, "intake", event.type, event.source, event.id)
    data, subject = _message(event, tenant, value)
    return envelope(
        id=identity,
        type=event.type,
        source=f"intake/{event.source}",
        time=canonical_time(event.time) if event.time else recordedtime,
        recordedtime=recordedtime,
        tenantid=tenant.id,
        subject=subject,
        correlationid=identity,
        data=data,
    )


def _message(event: _Event, tenant: Tenant, value: bytes) -> tuple[MessageData, str]:
    person, content = event.data.customer.person(), event.data.content.content()
    customer = customer_of(tenant, person)
    if customer is None:
        raise InvalidInput("data.customer", "wa_id or user_id")
    thread = thread_of(tenant, event.data.channel, customer)
    direction = _DIRECTIONS[event.type]
    original: dict[str, Any] = msgspec.json.decode(value)
    data = MessageData(
        channel=event.data.channel,
        customer=thread.pseudonym,
        direction=direction,
        kind=content.kind,
        author="api" if direction == "outbound" else None,
        personal=MessagePersonal(customer=customer, content=content, person=person, original=original),
    )
    return data, thread.subject


def _parse(value: bytes) -> _Event:
    try:
        return _Event.model_validate_json(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"])) or "value"
        raise InvalidInput(field, _expected(first["type"], first["msg"])) from None


def _expected(kind: str, message: str) -> str:
    """Pydantic's words as what was expected; its messages quote no input here, which may be personal."""
    words = {"missing": "a value", "extra_forbidden": "no such field", "json_invalid": "JSON"}
    for start, instead in _WORDING.items():
        if message.startswith(start):
            message = instead + message.removeprefix(start)
    return words.get(kind, message)
