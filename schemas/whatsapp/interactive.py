"""Quick replies as WhatsApp buttons, list rows or numbered text, whichever can carry them (whatsapp.md 4.1)."""

from __future__ import annotations

from typing import Any

from schemas.events import Choice
from schemas.whatsapp.replies import reply_id

_BUTTONS, _BUTTON_TITLE, _BUTTON_ID, _BUTTON_BODY = 3, 20, 256, 1024
_ROWS, _ROW_TITLE, _ROW_ID, _LIST_BODY = 10, 24, 200, 4096
#: WhatsApp wants a body, and a list a label for the button that opens it.
_NO_TEXT = "Please choose:"
_LIST_LABEL = "Options"


def interactive(text: str, choices: tuple[Choice, ...], genesys_id: str | None) -> dict[str, Any] | None:
    """The ``interactive`` object; None when neither buttons nor a list can carry the text and every title whole."""
    titles = [" ".join(choice.text.split()) for choice in choices]
    body = text.strip() or _NO_TEXT
    if not all(titles) or len(set(titles)) != len(titles):
        return None
    longest = max(map(len, titles), default=0)
    if len(titles) <= _BUTTONS and longest <= _BUTTON_TITLE and len(body) <= _BUTTON_BODY:
        replies = [{"type": "reply", "reply": row} for row in _rows(titles, choices, genesys_id, _BUTTON_ID)]
        return {"type": "button", "body": {"text": body}, "action": {"buttons": replies}}
    if len(titles) <= _ROWS and longest <= _ROW_TITLE and len(body) <= _LIST_BODY:
        rows = _rows(titles, choices, genesys_id, _ROW_ID)
        return {"type": "list", "body": {"text": body}, "action": {"button": _LIST_LABEL, "sections": [{"rows": rows}]}}
    return None


def _rows(titles: list[str], choices: tuple[Choice, ...], genesys_id: str | None, limit: int) -> list[dict[str, str]]:
    """Ids lead a tap back where they fit; one that does not, or is taken, becomes a number, and its tap a text."""
    rows: list[dict[str, str]] = []
    for number, (title, choice) in enumerate(zip(titles, choices, strict=True), 1):
        identity = reply_id(genesys_id, choice.payload, limit)
        taken = any(row["id"] == identity for row in rows)
        rows.append({"id": identity if identity and not taken else f"choice-{number}", "title": title})
    return rows


def numbered(text: str, choices: tuple[Choice, ...]) -> str:
    """The fallback: the text and a numbered line for each choice."""
    lines = [f"{number}. {choice.text or choice.payload}" for number, choice in enumerate(choices, 1)]
    return "\n".join(filter(None, [text.strip(), *lines]))
