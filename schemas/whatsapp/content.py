"""What a WhatsApp message says: one builder a message type; what none can read is ``unsupported``, never dropped."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from schemas.events import Content, Media
from schemas.reading import Json, mappings, optional_mapping, optional_text
from schemas.whatsapp import wording
from schemas.whatsapp.replies import parse_reply_id

Builder = Callable[[Json], Content | None]

_MEDIA = ("image", "video", "audio", "document", "sticker")


def read_content(element: Json, errors: list[Json]) -> Content:
    """Content of an element of ``messages[]`` or ``message_echoes[]``; ``errors`` are those of the whole value.

    A known type that lacks its object is unsupported too: a second tap on a button can arrive so (whatsapp.md 2).
    """
    builder = _BUILDERS.get(optional_text(element, "type") or "")
    content = (builder(element) if builder else None) or _unsupported(element, errors)
    context = optional_mapping(element, "context")
    return msgspec.structs.replace(
        content,
        refers_to=content.refers_to or optional_text(context, "id"),
        details=_with_circumstances(content.details, element),
    )


def _with_circumstances(details: Json | None, element: Json) -> Json | None:
    """The kind's own fields, and how the message came about: from an advertisement, about a product, in a group."""
    context = optional_mapping(element, "context")
    around = {
        "referral": optional_mapping(element, "referral"),
        "referred_product": optional_mapping(context, "referred_product"),
        "group_id": optional_text(element, "group_id"),
        "forwarded": context.get("forwarded") is True or context.get("frequently_forwarded") is True,
    }
    return {**(details or {}), **{name: value for name, value in around.items() if value}} or None


def _text(element: Json) -> Content | None:
    body = optional_text(optional_mapping(element, "text"), "body")
    return Content(kind="text", text=body) if body else None


def _media(kind: str) -> Builder:
    def build(element: Json) -> Content | None:
        file = optional_mapping(element, kind)
        media_id = optional_text(file, "id")
        if media_id is None:
            return None
        media = Media(
            mime=optional_text(file, "mime_type"),
            id=media_id,
            sha256=optional_text(file, "sha256"),
            filename=optional_text(file, "filename"),
        )
        flags = {name: True for name in ("voice", "animated") if file.get(name) is True}
        return Content(kind=kind, text=optional_text(file, "caption") or "", media=media, details=flags or None)

    return build


def _location(element: Json) -> Content | None:
    place = optional_mapping(element, "location")
    return Content(kind="location", text=wording.location(place), details={"location": place}) if place else None


def _contacts(element: Json) -> Content | None:
    cards = mappings(element, "contacts")
    return Content(kind="contacts", text=wording.contacts(cards), details={"contacts": cards}) if cards else None


def _order(element: Json) -> Content | None:
    cart = optional_mapping(element, "order")
    return Content(kind="order", text=wording.order(cart), details={"order": cart}) if cart else None


def _button(element: Json) -> Content | None:
    button = optional_mapping(element, "button")
    return _tap("button_reply", optional_text(button, "payload"), optional_text(button, "text"))


def _tap(kind: str, identity: str | None, title: str | None) -> Content | None:
    if not (identity or title):
        return None
    ours = parse_reply_id(identity) if identity else None
    originating, payload = ours or (None, identity)
    return Content(kind=kind, text=title or payload or "", payload=payload, originating_genesys_id=originating)


def _interactive(element: Json) -> Content | None:
    interactive = optional_mapping(element, "interactive")
    kind = optional_text(interactive, "type") or ""
    reply = optional_mapping(interactive, kind)
    if kind in ("button_reply", "list_reply"):
        return _tap(kind, optional_text(reply, "id"), optional_text(reply, "title"))
    if kind == "nfm_reply" and reply:
        answers = wording.form_answers(reply)
        return Content(kind="flow_reply", text=wording.form(reply, answers), details={"answers": answers})
    if kind == "call_permission_reply" and reply:
        return Content(kind="interactive", text=wording.call_permission(reply), details={kind: reply})
    return Content(kind="interactive", text=f"[interactive message: {kind}]", details=interactive) if kind else None


def _reaction(element: Json) -> Content | None:
    reaction = optional_mapping(element, "reaction")
    refers_to = optional_text(reaction, "message_id")
    if refers_to is None:
        return None
    return Content(kind="reaction", text=wording.reaction(optional_text(reaction, "emoji")), refers_to=refers_to)


def _system(element: Json) -> Content | None:
    system = optional_mapping(element, "system")
    if not system:
        return None
    text = optional_text(system, "body") or f"[{optional_text(system, 'type') or 'system message'}]"
    return Content(kind="system", text=text, details={"type": system.get("type")})


def _edit(element: Json) -> Content | None:
    edit = optional_mapping(element, "edit")
    inner, original = optional_mapping(edit, "message"), optional_text(edit, "original_message_id")
    if original is None or optional_text(inner, "type") in (None, "edit", "revoke"):
        return None
    return msgspec.structs.replace(read_content(inner, []), refers_to=original)


def _revoke(element: Json) -> Content | None:
    original = optional_text(optional_mapping(element, "revoke"), "original_message_id")
    return Content(kind="system", text="[message deleted]", refers_to=original) if original else None


def _unsupported(element: Json, errors: list[Json]) -> Content:
    known = mappings(element, "errors") or errors
    own = optional_mapping(element, "unsupported")
    details = {name: value for name, value in (("errors", known), ("unsupported", own)) if value}
    return Content(kind="unsupported", text=wording.unsupported(element, known), details=details or None)


_BUILDERS: dict[str, Builder] = {
    "text": _text,
    "location": _location,
    "contacts": _contacts,
    "order": _order,
    "button": _button,
    "interactive": _interactive,
    "reaction": _reaction,
    "system": _system,
    "edit": _edit,
    "revoke": _revoke,
    **{kind: _media(kind) for kind in _MEDIA},
}
