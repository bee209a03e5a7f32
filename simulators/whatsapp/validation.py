"""Validation of what is sent: kinds, required fields and lengths (whatsapp.md 4.1 to 4.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulators.whatsapp.manner import refusal

Body = dict[str, Any]

_HEADER_MEDIA = ("image", "video", "document")


def digits_of(number: str) -> str:
    """A recipient as the platform keys it: digits, without `+`, blanks and brackets."""
    return "".join(filter(str.isdecimal, number))


def recipient_of(body: object) -> str | None:
    """`to` in digits, else `recipient` (a BSUID) as it is; None when neither is given."""
    if not isinstance(body, dict):
        return None
    if isinstance(body.get("to"), str) and body["to"]:
        return digits_of(body["to"])
    recipient = body.get("recipient")
    return recipient if isinstance(recipient, str) and recipient else None


def is_mark_read(body: object) -> bool:
    """Whether the call marks a message as read (and may show typing) instead of sending one."""
    return isinstance(body, dict) and "status" in body and "type" not in body


def check_mark_read(body: Body) -> None:
    _check_product(body)
    if body.get("status") != "read":
        raise refusal(131009, "status: expected read")
    _text(body, "message_id", "message_id")
    typing = body.get("typing_indicator")
    if typing is not None and (not isinstance(typing, dict) or typing.get("type") != "text"):
        raise refusal(131009, "typing_indicator.type: expected text")


def check_message(body: Body) -> None:
    """Raises `Refusal` 100 (wrong parameter), 131008 (missing), 131009 (invalid value) or 131051 (unknown kind)."""
    _check_product(body)
    if not recipient_of(body):
        raise refusal(131008, "The parameter to is required.")
    if body.get("recipient_type", "individual") not in ("individual", "group"):
        raise refusal(100, "recipient_type: expected individual or group")
    kind = body.get("type", "text")
    check = _KINDS.get(kind) if isinstance(kind, str) else None
    if check is None:
        raise refusal(131051, f"Unsupported message type {kind}")
    if body.get(kind) is None:
        raise refusal(131008, f"The parameter {kind} is required.")
    if not isinstance(body[kind], list if kind == "contacts" else dict):
        raise refusal(100, f"Param {kind} has the wrong JSON type.")
    if body.get("context") is not None:
        if kind == "reaction":
            raise refusal(131009, "context: a reaction cannot carry it")
        _text(_object(body, "context", "context"), "message_id", "context.message_id")
    callback = body.get("biz_opaque_callback_data")
    if callback is not None and not (isinstance(callback, str) and len(callback) <= 512):
        raise refusal(100, "Param biz_opaque_callback_data must be at most 512 characters long.")
    check(body[kind])


def _check_product(body: Body) -> None:
    if body.get("messaging_product") != "whatsapp":
        raise refusal(100, "The parameter messaging_product is required.")


def _check_text(text: Body) -> None:
    body = text.get("body")
    if not isinstance(body, str) or not body:
        raise refusal(131008, "The parameter text['body'] is required.")
    if len(body) > 4096:
        raise refusal(100, "Param text['body'] must be at most 4096 characters long.")


def _media(*, caption: bool) -> Callable[[Body], None]:
    def check(media: Body) -> None:
        if not isinstance(media.get("id") or media.get("link"), str):
            raise refusal(131008, "One of id and link is required.")
        if media.get("caption") is None:
            return
        if not caption:
            raise refusal(100, "caption is not allowed for this kind of media.")
        _text(media, "caption", "caption", 1024)

    return check


def _check_location(location: Body) -> None:
    for name, largest in (("latitude", 90), ("longitude", 180)):
        try:
            valid = abs(float(location[name])) <= largest
        except (KeyError, TypeError, ValueError):
            valid = False
        if not valid:
            raise refusal(131009, f"location.{name}: expected degrees")


def _check_contacts(contacts: list[Any]) -> None:
    if not 0 < len(contacts) <= 257:
        raise refusal(131009, "contacts: expected 1 to 257")
    for contact in contacts:
        name = contact.get("name") if isinstance(contact, dict) else None
        if not isinstance(name, dict) or not name.get("formatted_name"):
            raise refusal(131008, "contacts[].name.formatted_name is required.")


def _check_reaction(reaction: Body) -> None:
    _text(reaction, "message_id", "reaction.message_id")
    if not isinstance(reaction.get("emoji"), str):
        raise refusal(131008, "reaction.emoji is required; an empty one removes it.")


def _check_template(template: Body) -> None:
    _text(template, "name", "template.name", 512)
    _text(_object(template, "language", "template.language"), "code", "template.language.code")


def _check_interactive(interactive: Body) -> None:
    kind = _text(interactive, "type", "interactive.type")
    body_limit = 4096 if kind == "list" else 1024
    _text(_object(interactive, "body", "interactive.body"), "text", "interactive.body.text", body_limit)
    if interactive.get("footer") is not None:
        _text(_object(interactive, "footer", "interactive.footer"), "text", "interactive.footer.text", 60)
    if interactive.get("header") is not None:
        _check_header(_object(interactive, "header", "interactive.header"))
    action = _object(interactive, "action", "interactive.action")
    if kind == "button":
        _check_buttons(action)
    elif kind == "list":
        _check_rows(action)
    elif kind == "cta_url":
        parameters = _object(action, "parameters", "action.parameters")
        _text(parameters, "display_text", "action.parameters.display_text", 20)
        _text(parameters, "url", "action.parameters.url")


def _check_header(header: Body) -> None:
    kind = header.get("type")
    if kind == "text":
        _text(header, "text", "interactive.header.text", 60)
    elif kind not in _HEADER_MEDIA or not isinstance(header.get(kind), dict):
        raise refusal(131009, "interactive.header.type: expected text, image, video or document, and its object")


def _check_buttons(action: Body) -> None:
    buttons = _items(action, "buttons", 3)
    titles, ids = set(), set()
    for button in buttons:
        if button.get("type") != "reply":
            raise refusal(131009, "action.buttons[].type: expected reply")
        reply = _object(button, "reply", "action.buttons[].reply")
        titles.add(_text(reply, "title", "action.buttons[].reply.title", 20))
        ids.add(_text(reply, "id", "action.buttons[].reply.id", 256))
    if len(titles) < len(buttons) or len(ids) < len(buttons):
        raise refusal(131009, "action.buttons[].reply: titles and ids must be unique")


def _check_rows(action: Body) -> None:
    _text(action, "button", "action.button", 20)
    sections = _items(action, "sections", 10)
    ids: list[str] = []
    for section in sections:
        if len(sections) > 1 or section.get("title"):
            _text(section, "title", "action.sections[].title", 24)
        for row in _items(section, "rows", 10):
            _text(row, "title", "action.sections[].rows[].title", 24)
            ids.append(_text(row, "id", "action.sections[].rows[].id", 200))
            if row.get("description"):
                _text(row, "description", "action.sections[].rows[].description", 72)
    if len(ids) > 10:
        raise refusal(131009, "action.sections: at most 10 rows in total")
    if len(set(ids)) < len(ids):
        raise refusal(131009, "action.sections[].rows[].id: must be unique")


def _items(holder: Body, name: str, most: int) -> list[Body]:
    items = holder.get(name)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise refusal(131008, f"{name} is required: a list of objects.")
    if not 0 < len(items) <= most:
        raise refusal(131009, f"{name}: expected 1 to {most}")
    return items


def _object(holder: Body, name: str, where: str) -> Body:
    value = holder.get(name)
    if not isinstance(value, dict):
        raise refusal(131008, f"{where} is required: an object.")
    return value


def _text(holder: Body, name: str, where: str, most: int | None = None) -> str:
    value = holder.get(name)
    if not isinstance(value, str) or not value:
        raise refusal(131008, f"{where} is required: a text.")
    if most is not None and len(value) > most:
        raise refusal(131009, f"{where}: length invalid. Min length: 1, Max length: {most}")
    return value


_KINDS: dict[str, Callable[[Any], None]] = {
    "text": _check_text,
    "image": _media(caption=True),
    "video": _media(caption=True),
    "document": _media(caption=True),
    "audio": _media(caption=False),
    "sticker": _media(caption=False),
    "location": _check_location,
    "contacts": _check_contacts,
    "reaction": _check_reaction,
    "interactive": _check_interactive,
    "template": _check_template,
}
