"""A CloudEvent of another program, validated and made a fact (OUTSIDE, Topics)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self, TypeVar

import msgspec
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from schemas.envelope import Envelope, canonical_time, envelope
from schemas.errors import InvalidInput
from schemas.events import Choice, Content, Direction, Media, MessageData, MessagePersonal, Part
from schemas.ids import event_id
from schemas.intake_knowledge import NotedIn, UpdatedIn, noted, updated
from schemas.intake_shapes import Customer, Name, Strict, thread_named
from schemas.reading import is_plausible
from schemas.tenant import Tenant

#: Ten WhatsApp messages.
_LONGEST_TEXT = 40_960
_FILES = ("image", "video", "audio", "document")
_DIRECTIONS: dict[str, Direction] = {"message.composed": "outbound", "message.received": "inbound"}

Shape = TypeVar("Shape", bound=BaseModel)

#: How pydantic begins a message -> how one begins after "expected".
_WORDING = {
    "Value error, ": "",
    "Input should be ": "",
    "String should have ": "text with ",
    "String should match ": "text that matches ",
}

Url = Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=2048)]


class _Media(Strict):
    url: Url
    mime: Annotated[str, Field(pattern=r"^[a-z]+/[^\s]{1,120}$", max_length=256)] | None = None
    filename: Name | None = None


class _Choice(Strict):
    text: Name
    payload: Name | None = None


class _Content(Strict):
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


class _Data(Strict):
    channel: Name
    customer: Customer
    content: _Content


class _Event(BaseModel):
    """The CloudEvent; attributes and extensions that we do not use are allowed, as its specification wants."""

    model_config = ConfigDict(frozen=True)

    specversion: Literal["1.0"]
    id: Name
    source: Name
    type: Literal["message.composed", "message.received", "customer.updated", "conversation.attributes_changed"]
    tenantid: str
    time: AwareDatetime | None = None
    datacontenttype: Literal["application/json"] = "application/json"
    #: Absent: version 1.
    dataschema: str | None = None
    data: dict[str, Any]

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
    identity = event_id(tenant.id, "intake", event.type, event.source, event.id)
    data, subject = _data(event, tenant, value)
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


def _data(event: _Event, tenant: Tenant, value: bytes) -> tuple[Part, str | None]:
    """The fact's data, and the thread where it is about one."""
    if event.type == "customer.updated":
        return updated(_shaped(UpdatedIn, event), tenant, event.source)
    if event.type == "conversation.attributes_changed":
        return noted(_shaped(NotedIn, event), tenant)
    return _message(_shaped(_Data, event), event.type, tenant, value)


def _message(said: _Data, type: str, tenant: Tenant, value: bytes) -> tuple[MessageData, str]:
    person, content = said.customer.person(), said.content.content()
    thread = thread_named(tenant, said.channel, person)
    direction = _DIRECTIONS[type]
    original: dict[str, Any] = msgspec.json.decode(value)
    data = MessageData(
        channel=said.channel,
        customer=thread.pseudonym,
        direction=direction,
        kind=content.kind,
        author="api" if direction == "outbound" else None,
        personal=MessagePersonal(customer=thread.customer, content=content, person=person, original=original),
    )
    return data, thread.subject


def _shaped(shape: type[Shape], event: _Event) -> Shape:
    try:
        return shape.model_validate(event.data)
    except ValidationError as error:
        raise _refused(error, "data") from None


def _parse(value: bytes) -> _Event:
    try:
        return _Event.model_validate_json(value)
    except ValidationError as error:
        raise _refused(error) from None


def _refused(error: ValidationError, *within: str) -> InvalidInput:
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(map(str, (*within, *first["loc"]))) or "value"
    return InvalidInput(field, _expected(first["type"], first["msg"]))


def _expected(kind: str, message: str) -> str:
    """Pydantic's words as what was expected; its messages quote no input here, which may be personal."""
    words = {"missing": "a value", "extra_forbidden": "no such field", "json_invalid": "JSON"}
    for start, instead in _WORDING.items():
        if message.startswith(start):
            message = instead + message.removeprefix(start)
    return words.get(kind, message)
