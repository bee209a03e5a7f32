"""Structured content from Genesys as lines of text, for a platform that has no such element (genesys.md 4.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from schemas.reading import Json, mappings, optional_mapping, optional_text

_PLACEHOLDER = re.compile(r"\{\{([^{}]+)\}\}")


def content_lines(content: Json) -> list[str]:
    """The text of an element of ``content[]`` that is neither attachment nor quick reply; empty when it has none."""
    kind = optional_text(content, "contentType") or ""
    name = kind[:1].lower() + kind[1:]
    body = optional_mapping(content, name) or optional_mapping(content, "template")
    return list(filter(None, _LINES.get(kind, _any)(body)))


def _card(card: Json) -> list[str]:
    lines = [optional_text(card, "title") or "", optional_text(card, "description") or ""]
    for media in ("image", "video"):
        lines.append(optional_text(card, media) or "")
    return lines + [_action(action) for action in mappings(card, "actions")]


def _action(action: Json) -> str:
    return ": ".join(filter(None, (optional_text(action, "text"), optional_text(action, "url"))))


def _carousel(carousel: Json) -> list[str]:
    return [line for card in mappings(carousel, "cards") for line in _card(card)]


def _date_picker(picker: Json) -> list[str]:
    times = (optional_text(time, "dateTime") or "" for time in mappings(picker, "availableTimes"))
    return [optional_text(picker, "title") or "", optional_text(picker, "subtitle") or "", *times]


def _notification(notification: Json) -> list[str]:
    template = optional_mapping(notification, "template") or notification
    header, body = optional_mapping(template, "header"), optional_mapping(template, "body")
    footer = optional_text(optional_mapping(template, "footer"), "text") or ""
    media = optional_text(optional_mapping(header, "media"), "url") or ""
    return [_filled(header), media, _filled(body), footer]


def _filled(element: Json) -> str:
    """Text with its parameters in place; without a text (WhatsApp templates) the parameters themselves."""
    parameters = mappings(element, "parameters")
    values = [optional_text(parameter, "text") or "" for parameter in parameters]
    text = optional_text(element, "text")
    if text is None:
        return ", ".join(filter(None, values))
    names = [optional_text(parameter, "name") or str(number) for number, parameter in enumerate(parameters, 1)]
    named = dict(zip(names, values, strict=True))
    return _PLACEHOLDER.sub(lambda match: named.get(match[1].strip(), match[0]), text)


def _any(body: Json) -> Iterable[str]:
    """Whatever words an element of another type shows to a person."""
    for name, value in body.items():
        if name in ("text", "title", "subtitle", "description", "url") and isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield from _any(value)
        elif isinstance(value, list):
            for item in value:
                yield from _any(item) if isinstance(item, dict) else ()


_LINES: dict[str, Callable[[Json], Iterable[str]]] = {
    "Card": _card,
    "Carousel": _carousel,
    "DatePicker": _date_picker,
    "Notification": _notification,
}
