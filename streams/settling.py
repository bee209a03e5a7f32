"""Settling dead letters: a person decides what becomes of one, and the log says so."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from schemas.errors import RelaylogError
from streams.dead_letter_reader import DeadLetter, find_letters
from streams.dead_letters import mark_entry
from streams.log import LogWriter
from streams.settings import Settings

What = Literal["redriven", "was redriven before", "cannot be redriven", "discarded", "was discarded before"]

#: So long may the broker take to acknowledge what is appended at once.
APPEND_SECONDS: Final = 30.0


class CannotSettle(RelaylogError):
    """The dead letter does not exist, or this cannot be done with it."""


@dataclass(frozen=True, slots=True)
class Intervention:
    """Why a person does something, and who.

    ``at`` is a canonical time, taken before the log is read: a redrive that is appended long after it is looked up by
    the sender, as any late fact is, should another run have appended it meanwhile.
    """

    reason: str
    by: str
    at: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of one dead letter."""

    #: Id of the dead letter.
    id: str
    what: What
    #: Which redrive of its delivery, or why it is none.
    detail: str = ""


async def discard_letter(
    settings: Settings, writer: LogWriter, id: str, partitions: Iterable[int], intervention: Intervention
) -> Settled:
    """Say that nobody wants a dead letter; its bytes stay in the topic as long as that keeps them.

    Raises CannotSettle when it does not exist or was redriven, LogUnavailable.
    """
    letter = (await existing_letters(settings, partitions, (id,)))[id]
    if letter.state == "redriven":
        raise CannotSettle(f"dead letter {id} was redriven: the message's timeline says what became of it")
    if letter.state == "discarded":
        return Settled(id, "was discarded before")
    mark = mark_entry(
        "discards",
        id,
        partition=letter.partition,
        tenant=letter.tenant,
        reason=intervention.reason,
        by=intervention.by,
        at=intervention.at,
    )
    await writer.append_all([mark], APPEND_SECONDS)
    return Settled(id, "discarded")


async def existing_letters(
    settings: Settings, partitions: Iterable[int], ids: Collection[str]
) -> dict[str, DeadLetter]:
    """The dead letters with these ids. Raises CannotSettle naming those that do not exist, LogUnavailable."""
    letters = await find_letters(settings, partitions, ids)
    refuse_missing(ids, letters)
    return letters


def refuse_missing(ids: Collection[str], found: Collection[str]) -> None:
    """Raise CannotSettle naming every id that was not found."""
    if missing := [id for id in ids if id not in found]:
        raise CannotSettle(f"no dead letter has the id {', '.join(missing)}: `relaylog dead-letters list` shows them")
