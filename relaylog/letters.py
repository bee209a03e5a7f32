"""A dead letter as a person sees it: what is personal in it only when it is asked for."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

from schemas.envelope import decode
from schemas.errors import UndecodableRecord
from streams.dead_letter_reader import DeadLetter
from streams.dead_letters import SENDER

HIDDEN: Final = "(hidden: --content shows it)"


def line_of(letter: DeadLetter) -> str:
    """One line of a list."""
    return f"{letter.at}  {letter.id}  {letter.state:9}  {letter.tenant or '-':16}  {letter.handler:8}  {letter.reason}"


def whole(letter: DeadLetter, content: bool) -> str:
    """Everything about one dead letter as JSON."""
    shown = {
        "id": letter.id,
        "state": letter.state,
        "tenant": letter.tenant,
        "reason": letter.reason,
        "handler": letter.handler,
        "attempts": letter.attempts,
        "context_id": letter.context_id,
        "at": letter.at,
        "origin": letter.origin,
        "bytes": len(letter.value),
        "content": _content(letter.value) if content else _without_the_personal(letter),
    }
    return json.dumps(shown, indent=2, ensure_ascii=False)


def _content(value: bytes) -> Any:
    """The bytes: decoded if they are JSON, else as text with what is not UTF-8 escaped."""
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return value.decode(errors="backslashreplace")


def _without_the_personal(letter: DeadLetter) -> Any:
    # Only in a fact is it known where the personal parts are; all of a webhook's body may be one.
    if letter.handler != SENDER:
        return HIDDEN
    try:
        decode(letter.value)
    except UndecodableRecord:
        return HIDDEN
    fact = msgspec.json.decode(letter.value)
    if not isinstance(fact["data"], dict):
        return {**fact, "data": HIDDEN}
    hidden = {"personal": HIDDEN} if "personal" in fact["data"] else {}
    return {**fact, "data": {**fact["data"], **hidden}}
