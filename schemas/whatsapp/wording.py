"""Words for what a text cannot carry, as a person in a contact centre would read them."""

from __future__ import annotations

from typing import Any

import msgspec

from schemas.reading import Json, mappings, optional_mapping, optional_text, scalar


def location(place: Json) -> str:
    """``Location: name, address (51.5, -0.1) https://...``."""
    coordinates = ", ".join(filter(None, (scalar(place, "latitude"), scalar(place, "longitude"))))
    url = optional_text(place, "url") or f"https://www.google.com/maps?q={coordinates.replace(' ', '')}"
    names = ", ".join(filter(None, (optional_text(place, "name"), optional_text(place, "address"))))
    return " ".join(filter(None, ("Location:", names, f"({coordinates})" if coordinates else "", url)))


def contacts(cards: list[Json]) -> str:
    """One line a card: ``Contact: Ann P, +44 7700 900123, ann@example.com``."""
    return "\n".join(f"Contact: {_card(card)}" for card in cards)


def _card(card: Json) -> str:
    name = optional_mapping(card, "name")
    full = optional_text(name, "formatted_name") or " ".join(
        filter(None, (optional_text(name, part) for part in ("first_name", "last_name")))
    )
    company = optional_text(optional_mapping(card, "org"), "company")
    phones = [optional_text(phone, "phone") or optional_text(phone, "wa_id") for phone in mappings(card, "phones")]
    emails = [optional_text(email, "email") for email in mappings(card, "emails")]
    return ", ".join(filter(None, (full, company, *phones, *emails))) or "(empty card)"


def order(cart: Json) -> str:
    """``Order: 3 x HAMBURGER (30 ILS each), ...`` and the customer's note."""
    items = ", ".join(_item(item) for item in mappings(cart, "product_items")) or "(no items)"
    note = optional_text(cart, "text")
    return f"Order: {items}" + (f"\nNote: {note}" if note else "")


def _item(item: Json) -> str:
    price = " ".join(filter(None, (scalar(item, "item_price"), scalar(item, "currency"))))
    name = scalar(item, "product_retailer_id") or "(unnamed product)"
    return f"{scalar(item, 'quantity') or '?'} x {name}" + (f" ({price} each)" if price else "")


def form(reply: Json, answers: Json) -> str:
    """The answers of a flow or an address form, a line each; the flow's own token is not the customer's."""
    lines = [f"{name}: {_answer(value)}" for name, value in answers.items() if name != "flow_token"]
    return "\n".join(["Form answers:", *lines]) if lines else optional_text(reply, "body") or "[form sent]"


def form_answers(reply: Json) -> Json:
    """``response_json``, which is JSON inside a string; empty when it is not an object."""
    try:
        answers = msgspec.json.decode(optional_text(reply, "response_json") or "{}")
    except (msgspec.DecodeError, RecursionError):
        return {}
    return answers if isinstance(answers, dict) else {}


def _answer(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(map(_answer, value))
    return msgspec.json.encode(value).decode()


def reaction(emoji: str | None) -> str:
    """An absent or empty emoji takes the reaction back (whatsapp.md section 2)."""
    return f"{emoji} (reaction)" if emoji else "(reaction removed)"


def call_permission(reply: Json) -> str:
    """The customer's answer to a request to be called."""
    answer = {"accept": "accepted", "reject": "rejected"}.get(scalar(reply, "response"), "answered")
    return f"[call permission {answer}]"


def unsupported(element: Json, errors: list[Json]) -> str:
    """``[unsupported message: what WhatsApp says about it]``."""
    named = optional_text(optional_mapping(element, "unsupported"), "type")
    kind = optional_text(element, "type")
    what = named or (kind if kind not in (None, "unsupported", "unknown") else None)
    details = [what, *map(error_details, errors)]
    said = "; ".join(filter(None, details))
    return f"[unsupported message: {said}]" if said else "[unsupported message]"


def error_details(error: Json) -> str:
    """The most telling words of an error; ``error_data`` may be a bare string (whatsapp.md 5.1)."""
    data = error.get("error_data")
    details = optional_text(data, "details") if isinstance(data, dict) else data if isinstance(data, str) else None
    return details or optional_text(error, "message") or optional_text(error, "title") or ""
