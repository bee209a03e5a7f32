"""The envelope of every record in the log: CloudEvents 1.0, structured JSON.

``data`` stays undecoded until somebody asks for it, so that a reader pays only for what it uses.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from schemas.errors import UndecodableRecord, UnknownEventVersion

JSON = "application/json"
Data = TypeVar("Data", bound=msgspec.Struct)


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A CloudEvent with relaylog's extension attributes.

    Times are canonical text (``2026-11-22T10:00:00.000Z``, UTC, milliseconds), so that comparing text compares time.
    """

    specversion: str
    id: str
    #: Past-tense fact, e.g. ``message.received``.
    type: str
    source: str
    #: When it happened, by the source's clock.
    time: str
    #: The thread's pseudonym; absent for facts about no thread.
    subject: str | None = None
    tenantid: str | None = None
    #: When relaylog appended it, by relaylog's clock.
    recordedtime: str
    #: Id of the event that made this one happen.
    causationid: str | None = None
    #: Id shared by all events of one story (the first message's id).
    correlationid: str | None = None
    #: ``<type>/<version>``: names the shape of ``data``.
    dataschema: str
    datacontenttype: str = JSON
    data: msgspec.Raw

    def merge_time(self) -> str:
        """Instant that decides between two values of one field: a source's clock that runs ahead freezes nothing."""
        return min(self.time, self.recordedtime)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Envelope)
_data_decoders: dict[type[msgspec.Struct], msgspec.json.Decoder[Any]] = {}


def envelope(
    *,
    id: str,
    type: str,
    source: str,
    time: str,
    recordedtime: str,
    data: msgspec.Struct,
    version: int = 1,
    tenantid: str | None = None,
    subject: str | None = None,
    causationid: str | None = None,
    correlationid: str | None = None,
) -> Envelope:
    """Build an envelope around ``data``, which is encoded once, here."""
    return Envelope(
        specversion="1.0",
        id=id,
        type=type,
        source=source,
        time=time,
        subject=subject,
        tenantid=tenantid,
        recordedtime=recordedtime,
        causationid=causationid,
        correlationid=correlationid,
        dataschema=f"{type}/{version}",
        data=msgspec.Raw(_encoder.encode(data)),
    )


def encode(event: Envelope) -> bytes:
    """The record's value."""
    return _encoder.encode(event)


def decode(value: bytes | None) -> Envelope:
    """Read a record's value.

    Raises UndecodableRecord when it is a tombstone, not JSON, or lacks an attribute of the envelope.
    """
    if value is None:
        raise UndecodableRecord("the record has no value")
    try:
        return _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UndecodableRecord(str(error)) from error


def decode_data(event: Envelope, shape: type[Data], versions: tuple[int, ...] = (1,)) -> Data:
    """Decode ``event.data`` as ``shape``.

    Raises UnknownEventVersion when the event's schema version is none of ``versions``, UndecodableRecord when the data
    does not have that shape.
    """
    version = event.dataschema.rpartition("/")[2]
    if not (version.isdecimal() and int(version) in versions):
        raise UnknownEventVersion(f"{event.type}: version {event.dataschema!r} is not one of {versions}")
    decoder = _data_decoders.get(shape)
    if decoder is None:
        decoder = _data_decoders[shape] = msgspec.json.Decoder(shape)
    try:
        data: Data = decoder.decode(event.data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UndecodableRecord(f"{event.type}: {error}") from error
    return data


def canonical_time(moment: datetime) -> str:
    """The one way in which the log writes an instant: UTC with milliseconds and ``Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def time_of_milliseconds(milliseconds: int) -> str:
    """Canonical time of Unix milliseconds."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{_second(seconds)}.{rest:03}Z"


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    """Canonical time up to the second; what is recorded now shares it with what was recorded just before."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()


@lru_cache(maxsize=4096)
def milliseconds_of_time(time: str) -> int:
    """Unix milliseconds of a canonical time."""
    return round(datetime.fromisoformat(time).timestamp() * 1000)
