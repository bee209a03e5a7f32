"""Cursors of lists: opaque to the caller, a place in the list's order to us."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime

from schemas.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Place:
    """Behind which row a page begins: its place in the list's order, and what tells rows of one place apart."""

    #: A time, or an offset in the log, as text.
    order: str
    after: str


def encode_cursor(place: Place) -> str:
    """The cursor that continues behind ``place``."""
    return base64.urlsafe_b64encode(json.dumps([place.order, place.after]).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, *, by_offset: bool) -> Place:
    """The place of a cursor that `encode_cursor` made for a list in that order. Raises InvalidInput otherwise."""
    try:
        order, after = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        _ = int(order) if by_offset else datetime.fromisoformat(order)
        return Place(order + "", after + "")
    except (ValueError, TypeError) as error:
        raise InvalidInput("cursor", "the `next` of an earlier answer of this list") from error
