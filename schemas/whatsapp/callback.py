"""The callback data that travels with every message to WhatsApp and comes back with each of its statuses."""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from dataclasses import dataclass

#: Longest text we send; WhatsApp's own limit is not documented (whatsapp.md section 10, item 3).
MAX_LENGTH = 127

_PREFIX = "rl1"
_SUBJECT = re.compile(r"[A-Za-z0-9_-]{22}")
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_NUMBERS = re.compile(r"([1-9][0-9]{0,4})-([1-9][0-9]{0,4})")


@dataclass(frozen=True, slots=True)
class CallbackData:
    """What a status needs to find its message without any look-up; nothing personal is in it."""

    #: Event id of the fact that demanded the delivery.
    delivery: str
    #: The thread's pseudonym.
    subject: str
    part: int = 1
    parts: int = 1
    #: Genesys id of the message, where it has one.
    genesys_id: str | None = None


def encode_callback(data: CallbackData) -> str:
    """``rl1.<delivery>.<subject>.<part>-<parts>[.<genesys id>]``, at most MAX_LENGTH characters.

    A Genesys id that would not fit, or is not printable ASCII, is left out: its receipts are then not sent.
    """
    delivery = base64.urlsafe_b64encode(uuid.UUID(data.delivery).bytes).decode().rstrip("=")
    text = f"{_PREFIX}.{delivery}.{data.subject}.{data.part}-{data.parts}"
    if data.genesys_id and _PRINTABLE.fullmatch(data.genesys_id) and len(text) + 1 + len(data.genesys_id) <= MAX_LENGTH:
        text += f".{data.genesys_id}"
    return text


def decode_callback(text: object) -> CallbackData | None:
    """The inverse; None for anything that another program may have put there."""
    if not isinstance(text, str):
        return None
    fields = text.split(".", 4)
    if len(fields) < 4 or fields[0] != _PREFIX:
        return None
    delivery, numbers = _event_id(fields[1]), _NUMBERS.fullmatch(fields[3])
    if delivery is None or numbers is None or not _SUBJECT.fullmatch(fields[2]):
        return None
    part, parts = int(numbers[1]), int(numbers[2])
    if part > parts:
        return None
    return CallbackData(delivery, fields[2], part, parts, fields[4] if len(fields) == 5 and fields[4] else None)


def _event_id(text: str) -> str | None:
    if not _SUBJECT.fullmatch(text):
        return None
    try:
        return str(uuid.UUID(bytes=base64.b64decode(text + "==", altchars=b"-_", validate=True)))
    except (binascii.Error, ValueError):
        return None
