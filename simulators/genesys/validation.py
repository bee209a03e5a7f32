"""Validation of the four inbound requests (genesys.md 3.1 to 3.6); unknown fields are ignored."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime
from typing import Any

from simulators.genesys.manner import refusal

Body = dict[str, Any]

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")
_ID_TYPES = {"email", "phone", "opaque"}
_MEDIA_TYPES = ("Image", "Video", "Audio", "File", "Link")
_BUTTON_TYPES = ("Button", "QuickReply", "DatePicker")
#: The published enum also has Sent, Published and Removed; only these two are supported (genesys.md section 5).
_RECEIPT_STATUSES = ("Delivered", "Failed")
_REASON_CODES = {
    "MessageExpired",
    "RateLimited",
    "MessageNotAllowed",
    "GeneralError",
    "UnsupportedMessage",
    "UnknownMessage",
    "InvalidMessageStructure",
    "InvalidDestination",
    "ServerError",
    "MediaTypeNotAllowed",
    "InvalidMediaContentLength",
    "RecipientOptedOut",
    "DataFiltered",
}


def find_text(body: object, *path: str) -> str | None:
    """The string at `path`, or None: for the books, before anything is validated."""
    for name in path:
        body = body.get(name) if isinstance(body, dict) else None
    return body if isinstance(body, str) else None


def check_message(body: Body) -> None:
    _check_channel(_object(body, "channel"), "from")
    _check_metadata(body)
    attachments = _list(body, "content") if body.get("content") is not None else []
    if len(attachments) > 1:
        raise refusal(400, "constraint.validation", "Only one attachment is allowed.", "content")
    for content in attachments:
        _check_attachment(_object(content, "attachment", "content[0]."))
    if body.get("text") is not None:
        _text(body, "text")
    if not body.get("text") and not attachments:
        raise refusal(400, "bad.request", "The message has neither text nor content.", "text")


def check_event(body: Body) -> None:
    _check_channel(_object(body, "channel"), "from")
    events = _list(body, "events")
    if not events:
        raise refusal(400, "constraint.validation", "At least one event is required.", "events")
    for event in events:
        _one_of(event, "eventType", ("Typing",), "events[].")


def check_structured_response(body: Body) -> None:
    _check_channel(_object(body, "channel"), "from")
    response = _object(body, "buttonResponse")
    _one_of(response, "type", _BUTTON_TYPES, "buttonResponse.")
    _text(response, "text", "buttonResponse.")
    _text(response, "payload", "buttonResponse.")
    _text(body, "originatingMessageId")


def check_receipt(body: Body) -> None:
    _text(body, "id")
    _check_channel(_object(body, "channel"), "to")
    _one_of(body, "status", _RECEIPT_STATUSES)
    for reason in _list(body, "reasons") if body.get("reasons") is not None else []:
        _text(reason, "message", "reasons[].")
        if isinstance(reason, dict) and reason.get("code") is not None:
            _one_of(reason, "code", _REASON_CODES, "reasons[].")
    if not isinstance(body.get("isFinalReceipt", False), bool):
        raise refusal(400, "invalid.value", "isFinalReceipt must be a boolean.", "isFinalReceipt")


def _check_channel(channel: Body, party: str) -> None:
    who = _object(channel, party, "channel.")
    _text(who, "id", f"channel.{party}.")
    if party == "from":
        kind = _text(who, "idType", "channel.from.")
        if kind.lower() not in _ID_TYPES:
            raise refusal(400, "invalid.value", f"Value [{kind}] is not valid for idType.", "channel.from.idType")
    _check_time(channel)
    if channel.get("messageId") is not None:
        _text(channel, "messageId", "channel.")
    if channel.get("metadata") is not None:
        metadata = _object(channel, "metadata", "channel.")
        if metadata.get("customAttributes") is not None:
            _object(metadata, "customAttributes", "channel.metadata.")


def _check_time(channel: Body) -> None:
    time = channel.get("time")
    if time is None:
        raise refusal(400, "missing.open.channel.date", "Missing open channel date.", "channel.time")
    try:
        valid = isinstance(time, str) and _INSTANT.fullmatch(time) is not None
        if valid:
            datetime.fromisoformat(time[:19])
    except ValueError:
        valid = False
    if not valid:
        raise refusal(400, "invalid.date", f"Invalid date [{time}].", "channel.time")


def _check_metadata(body: Body) -> None:
    """The top level takes strings only; an object there is the mistake of genesys.md section 11, item 8."""
    metadata = body.get("metadata")
    if metadata is None:
        return
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise refusal(400, "bad.request", "metadata must be a map of strings.", "metadata")


def _check_attachment(attachment: Body) -> None:
    _one_of(attachment, "mediaType", _MEDIA_TYPES, "content[0].attachment.")
    _text(attachment, "mime", "content[0].attachment.")
    url = _text(attachment, "url", "content[0].attachment.")
    if not url.startswith(("http://", "https://")):
        raise refusal(400, "invalid.value", f"Value [{url}] is not a URL.", "content[0].attachment.url")


def _required(holder: object, name: str, where: str) -> Any:
    if not isinstance(holder, dict):
        raise refusal(400, "bad.request", f"{where or 'body'} must be an object.", where)
    if holder.get(name) is None:
        raise refusal(400, "constraint.validation", f"{where}{name} may not be null.", f"{where}{name}")
    return holder[name]


def _object(holder: object, name: str, where: str = "") -> Body:
    value = _required(holder, name, where)
    if not isinstance(value, dict):
        raise refusal(400, "bad.request", f"{where}{name} must be an object.", f"{where}{name}")
    return value


def _list(holder: object, name: str, where: str = "") -> list[Any]:
    value = _required(holder, name, where)
    if not isinstance(value, list):
        raise refusal(400, "bad.request", f"{where}{name} must be an array.", f"{where}{name}")
    return value


def _text(holder: object, name: str, where: str = "") -> str:
    value = _required(holder, name, where)
    if not isinstance(value, str):
        raise refusal(400, "bad.request", f"{where}{name} must be a string.", f"{where}{name}")
    if not value:
        raise refusal(400, "constraint.validation", f"{where}{name} may not be empty.", f"{where}{name}")
    return value


def _one_of(holder: object, name: str, allowed: Collection[str], where: str = "") -> str:
    value = _text(holder, name, where)
    if value not in allowed:
        raise refusal(400, "invalid.value", f"Value [{value}] is not valid for {where}{name}.", f"{where}{name}")
    return value
