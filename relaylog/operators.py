"""What every command by which a person intervenes asks for: why, and who."""

from __future__ import annotations

import getpass
import time
from typing import Annotated

import typer

from schemas.envelope import time_of_milliseconds


def _stated(text: str) -> str:
    if not text.strip():
        raise typer.BadParameter("expected some words")
    return text


def _person(text: str) -> str:
    return text or _user()


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


Reason = Annotated[str, typer.Option(help="Why; kept in the log.", callback=_stated)]
By = Annotated[
    str, typer.Option(help="Who; kept in the log. The user of this machine, when left out.", callback=_person)
]


def now() -> str:
    """The canonical time of this moment."""
    return time_of_milliseconds(time.time_ns() // 1_000_000)
