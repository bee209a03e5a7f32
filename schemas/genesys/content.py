"""What a message from Genesys says (genesys.md 4.2)."""

from __future__ import annotations

from schemas.events import Choice, Content, Media
from schemas.genesys.structured import content_lines
from schemas.reading import Json, mappings, optional_mapping, optional_text

#: Genesys media type -> kind. A ``Link`` is no file: it becomes a line of text.
_KINDS = {"Image": "image", "Video": "video", "Audio": "audio", "File": "document"}


def read_content(message: Json) -> Content | None:
    """Content of a Text or Structured message, or of an unknown type that has a text; None when it says nothing.

    One attachment is a file of its own, which is all that Genesys allows; any further one becomes a line with its
    address.
    """
    lines, choices, files = [optional_text(message, "text") or ""], [], []
    for item in mappings(message, "content"):
        attachment, reply = optional_mapping(item, "attachment"), optional_mapping(item, "quickReply")
        if attachment:
            files.append(attachment)
        elif reply:
            choices.append(_choice(reply))
        else:
            lines += content_lines(item)
    media, kind, more = _file(files)
    text = "\n".join(filter(None, lines + more))
    chosen = tuple(filter(None, choices))
    if not (text or media or chosen):
        return None
    return Content(kind=_kind(message, kind, bool(chosen)), text=text, media=media, choices=chosen)


def _kind(message: Json, file_kind: str | None, has_choices: bool) -> str:
    if file_kind:
        return file_kind
    if message.get("type") == "Structured":
        types = {optional_text(item, "contentType") for item in mappings(message, "content")}
        return "template" if types == {"Notification"} and not has_choices else "interactive"
    return "text" if message.get("type") == "Text" else "unsupported"


def _choice(reply: Json) -> Choice | None:
    text, payload = optional_text(reply, "text"), optional_text(reply, "payload")
    return Choice(text=text or payload or "", payload=payload or text or "") if text or payload else None


def _file(attachments: list[Json]) -> tuple[Media | None, str | None, list[str]]:
    """The first attachment as a file with its kind; its caption and all the others as lines."""
    media, kind, lines = None, None, []
    for attachment in attachments:
        url, caption = optional_text(attachment, "url"), optional_text(attachment, "text")
        file_kind = _KINDS.get(optional_text(attachment, "mediaType") or "")
        if media is None and file_kind and url and url.startswith(("https://", "http://")):
            media, kind = _media(attachment, url), file_kind
            lines.append(caption or "")
        else:
            lines.append(" ".join(filter(None, (caption or optional_text(attachment, "filename"), url))))
    return media, kind, lines


def _media(attachment: Json, url: str) -> Media:
    size = attachment.get("contentSizeBytes")
    return Media(
        mime=optional_text(attachment, "mime"),
        url=url,
        sha256=optional_text(attachment, "sha256"),
        filename=optional_text(attachment, "filename"),
        size=size if isinstance(size, int) and not isinstance(size, bool) else None,
    )
