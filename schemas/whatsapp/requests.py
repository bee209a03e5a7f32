"""A message of ours as WhatsApp requests, one a part (whatsapp.md section 4)."""

from __future__ import annotations

from typing import Any

from schemas.delivery import Call
from schemas.envelope import Envelope
from schemas.events import Content, Media, MessageData
from schemas.identity import is_number
from schemas.splitting import split_text
from schemas.whatsapp.callback import CallbackData, encode_callback
from schemas.whatsapp.interactive import interactive, numbered

_TEXT, _CAPTION = 4096, 1024
_CAPTIONED = ("image", "video", "document")
#: What WhatsApp shows as such (whatsapp.md 4.4); any other file travels as a document.
_MIMES = {
    "image": ("image/jpeg", "image/png"),
    "video": ("video/mp4", "video/3gpp"),
    "audio": ("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"),
    "sticker": ("image/webp",),
}

#: One request without recipient and callback data, and the file to upload for it.
_Body = tuple[dict[str, Any], Media | None]


def message_calls(fact: Envelope, data: MessageData) -> tuple[Call, ...]:
    """The numbered parts of a ``message.composed``, each with callback data of its own; none when it says nothing.

    The path is relative to the base URL that includes the API version. Raises ValueError when the fact's id is no UUID.
    """
    bodies = _bodies(data.personal.content, data.genesys_id)
    return tuple(
        Call(
            path=f"/{data.channel}/messages",
            body={
                "messaging_product": "whatsapp",
                "recipient_type": "individual",
                **_recipient(data.personal.customer),
                **body,
                "biz_opaque_callback_data": encode_callback(
                    CallbackData(fact.id, fact.subject or "", part, len(bodies), data.genesys_id)
                ),
            },
            media=media,
        )
        for part, (body, media) in enumerate(bodies, 1)
    )


def typing_call(channel: str, wamid: str) -> Call:
    """Mark the customer's message ``wamid`` as read and show that somebody types: until an answer, or for 25 s."""
    body = {
        "messaging_product": "whatsapp",
        "status": "read",
        "message_id": wamid,
        "typing_indicator": {"type": "text"},
    }
    return Call(path=f"/{channel}/messages", body=body)


def _recipient(customer: str) -> dict[str, str]:
    """A number with ``+`` (without it WhatsApp puts the sender's country code in front); any other id as ``recipient``.

    An id that is neither a number nor a BSUID goes out too: it is WhatsApp's to refuse, with an error that can be seen.
    """
    return {"to": f"+{customer}"} if is_number(customer) else {"recipient": customer}


def _bodies(content: Content, genesys_id: str | None) -> list[_Body]:
    text, bodies = content.text, []
    if content.media and (content.media.id or content.media.url):
        body, text = _file(content, content.media)
        bodies.append(body)
    if content.choices:
        offer = interactive(text, content.choices, genesys_id)
        if offer:
            return [*bodies, ({"type": "interactive", "interactive": offer}, None)]
        text = numbered(text, content.choices)
    return bodies + [({"type": "text", "text": {"body": part}}, None) for part in split_text(text, _TEXT)]


def _file(content: Content, media: Media) -> tuple[_Body, str]:
    """The request for the file, and the text that is left for parts of its own: all that no caption can hold."""
    kind = _media_type(content.kind, media.mime)
    text = content.text.strip()
    captioned = kind in _CAPTIONED and 0 < len(text) <= _CAPTION and not content.choices
    fields: dict[str, str] = {}
    if captioned:
        fields["caption"] = text
    if kind == "document":
        fields["filename"] = media.filename or "file"
    if media.id:
        fields["id"] = media.id
    body = {"type": kind, kind: fields}
    return (body, None if media.id else media), "" if captioned else content.text


def _media_type(kind: str, mime: str | None) -> str:
    if mime is None:
        return kind if kind in _MIMES else "document"
    essence = mime.partition(";")[0].strip().lower()
    if kind == "sticker" and essence in _MIMES["sticker"]:
        return kind
    return next((name for name in ("image", "video", "audio") if essence in _MIMES[name]), "document")
