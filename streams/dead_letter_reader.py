"""Reading the topic of dead letters as a person asks for it: the newest first, each with what became of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeVar

from schemas.envelope import time_of_milliseconds
from streams.dead_letters import MARKS, Mark
from streams.log import PartitionReader, Record, partition_reader
from streams.settings import Settings
from streams.topics import DEAD_LETTERS

State = Literal["open", "redriven", "discarded"]
Picked = TypeVar("Picked")

_STATE_OF: Final[dict[Mark, State]] = {"discards": "discarded", "redrives": "redriven"}
#: Offsets read at once, going backwards.
_BLOCK: Final = 200


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter as it stands in the topic; see streams/dead_letters.py for its headers."""

    id: str
    partition: int
    offset: int
    #: Unix milliseconds of its append, by the broker's clock.
    timestamp: int
    tenant: str | None
    reason: str
    origin: str
    handler: str
    attempts: int
    at: str
    value: bytes
    state: State = "open"
    #: The platform's own id of its last answer, where it gave one.
    context_id: str | None = None


async def newest_letters(
    settings: Settings, partitions: Iterable[int], limit: int, wanted: Callable[[DeadLetter], bool]
) -> list[DeadLetter]:
    """The newest ``limit`` dead letters that are ``wanted``, newest first, without their bytes.

    Reads no further back than that takes, so that a copy appended after its letter was settled (by a sender that
    crashed in between) shows as open. Raises LogUnavailable.
    """
    found: list[DeadLetter] = []
    for partition in partitions:
        async with partition_reader(settings, DEAD_LETTERS, partition) as reader:
            found += await _newest(reader, limit, wanted)
    return sorted(found, key=lambda letter: letter.timestamp, reverse=True)[:limit]


async def find_letters(settings: Settings, partitions: Iterable[int], ids: Collection[str]) -> dict[str, DeadLetter]:
    """The dead letters with these ids, whole, each as its first copy; those that do not exist are missing.

    Raises LogUnavailable.
    """
    found: dict[str, DeadLetter] = {}
    for partition in partitions:
        letters, states = await pick_letters(settings, partition, lambda letter: letter if letter.id in ids else None)
        found |= {id: replace(letter, state=states.get(id, "open")) for id, letter in letters.items()}
    return found


async def pick_letters(
    settings: Settings, partition: int, pick: Callable[[DeadLetter], Picked | None]
) -> tuple[dict[str, Picked], dict[str, State]]:
    """What ``pick`` makes of the dead letters that it does not leave out, and the state of those that are not open.

    Both by id, after the whole partition has been read: of the copies of one letter the first counts, and every mark
    does, wherever it stands. The state that ``pick`` sees may be out of date. Raises LogUnavailable.
    """
    picked: dict[str, Picked] = {}
    states: dict[str, State] = {}
    async with partition_reader(settings, DEAD_LETTERS, partition) as reader:
        async for letter in _newest_first(reader, states):
            one = pick(letter)
            if one is not None:
                picked[letter.id] = one
    return picked, states


async def _newest(reader: PartitionReader, limit: int, wanted: Callable[[DeadLetter], bool]) -> list[DeadLetter]:
    found: dict[str, DeadLetter] = {}
    async for letter in _newest_first(reader, {}):
        if wanted(letter):
            found.setdefault(letter.id, replace(letter, value=b""))
        if len(found) >= limit:
            break
    return list(found.values())


async def _newest_first(reader: PartitionReader, states: dict[str, State]) -> AsyncIterator[DeadLetter]:
    """Every dead letter of a partition backwards, so that marks are met before what they are about.

    They are kept in ``states``: memory is one block, and an id for each letter that a person settled.
    """
    start, end = await reader.start_offset(), await reader.end_offset()
    while end > start:
        begin = max(start, end - _BLOCK)
        for record in reversed([record async for record in reader.read_range(begin, end)]):
            mark = next((mark for mark in MARKS if record.header(mark)), None)
            if mark is None:
                letter = _letter(record)
                yield replace(letter, state=states.get(letter.id, "open"))
            elif states.get(marked := _text(record, mark)) != "redriven":
                states[marked] = _STATE_OF[mark]
        end = begin


def _letter(record: Record) -> DeadLetter:
    attempts = _text(record, "attempts")
    return DeadLetter(
        id=_text(record, "id"),
        partition=record.partition,
        offset=record.offset,
        timestamp=record.timestamp,
        tenant=None if record.key is None else record.key.decode(errors="replace"),
        reason=_text(record, "reason"),
        origin=_text(record, "origin"),
        handler=_text(record, "handler"),
        attempts=int(attempts) if attempts.isdecimal() else 0,
        at=_text(record, "at") or time_of_milliseconds(record.timestamp),
        value=record.value or b"",
        context_id=_text(record, "context-id") or None,
    )


def _text(record: Record, header: str) -> str:
    return (record.header(header) or b"").decode(errors="replace")
