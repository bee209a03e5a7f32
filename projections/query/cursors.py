"""Cursors of lists: opaque to the caller, a place in the list's order to us."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime

from schemas.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Place:
    """Behind which row a page begins: its time, and what tells rows of one time apart."""

    time: str
    after: str


def encode_cursor(place: Place) -> str:
    """The cursor that continues behind ``place``."""
    return base64.urlsafe_b64encode(json.dumps([place.time, place.after]).encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> Place:
    """The place of a cursor that `encode_cursor` made. Raises InvalidInput for anything else."""
    try:
        time, after = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        datetime.fromisoformat(time)
        return Place(time, after + "")
    except (ValueError, TypeError) as error:
        raise InvalidInput("cursor", "the `next` of an earlier answer") from error
