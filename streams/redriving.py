"""Redriving dead letters: the deliveries that the sender gave up are demanded again, in the order of the log.

A letter is redriven once: when ``events`` already has the next redrive of its delivery, none is appended. Two runs at
the same moment may both append it, under one id, and the sender takes the first; since each run appends in order, so
do those firsts stand. A run that broke off may be run again. A delivery that is given up again has another letter,
whose redrive has the next number.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from schemas.envelope import decode, decode_data, encode
from schemas.errors import UndecodableRecord, UnknownEventVersion
from schemas.events import RedrivenData
from schemas.planning import platform_of
from schemas.redriving import REDRIVEN, GivenUp, given_up, redriven
from streams.dead_letter_reader import DeadLetter, State, pick_letters
from streams.dead_letters import SENDER, mark_entry
from streams.log import Entry, LogWriter, PartitionReader, Record, partition_reader
from streams.settings import Settings
from streams.settling import APPEND_SECONDS, CannotSettle, Intervention, Settled, refuse_missing
from streams.topics import DEAD_LETTERS, EVENTS

#: (what is read, records done, records in all)
Report = Callable[[str, int, int], None]

#: Clocks of brokers may differ by so much: a redrive stands in ``events`` after its letter in ``dead-letters``.
_SKEW_MS: Final = 10 * 60 * 1000
#: Bytes of letters in memory at once.
_CHUNK_BYTES: Final = 16 * 1024 * 1024
_REPORT_EACH: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A letter that may be redriven, without its bytes: a few hundred bytes each."""

    id: str
    partition: int
    #: Offset in ``dead-letters``.
    offset: int
    timestamp: int
    tenant: str
    size: int
    delivery: str
    #: Offset of the original in ``events``.
    position: int
    #: How often the delivery had been redriven when the letter was written.
    number: int


_Picked: TypeAlias = _Candidate | Settled
_Letters: TypeAlias = tuple[dict[str, _Picked], dict[str, State]]


async def redrive_letters(
    settings: Settings,
    writer: LogWriter,
    ids: Collection[str],
    partitions: Iterable[int],
    intervention: Intervention,
    report: Report,
) -> list[Settled]:
    """Redrive the dead letters with these ids, each unless it was before.

    Raises CannotSettle, before anything is done, when one does not exist; LogUnavailable: some may be redriven then.
    """

    def pick(letter: DeadLetter) -> _Picked | None:
        return _candidate(letter) if letter.id in ids else None

    found: dict[int, _Letters] = {number: await pick_letters(settings, number, pick) for number in partitions}
    refuse_missing(ids, {id for picked, _ in found.values() for id in picked})
    settled: list[Settled] = []
    for partition, (picked, states) in found.items():
        wanted = [_unless_settled(one, states.get(id, "open")) for id, one in picked.items()]
        settled += await _redrive(settings, writer, partition, wanted, intervention, report)
    return settled


async def redrive_tenant(
    settings: Settings,
    writer: LogWriter,
    tenant: str,
    partition: int,
    matching: str,
    intervention: Intervention,
    report: Report,
) -> list[Settled]:
    """Redrive every open dead letter of the sender for a tenant whose reason contains ``matching``.

    The facts `delivery.redriven` are appended in the order in which the originals stand in the log, so what is redriven
    together keeps the order of its threads; it comes behind what was appended since. Raises LogUnavailable: some may be
    redriven then.
    """

    def pick(letter: DeadLetter) -> _Picked | None:
        ours = letter.tenant == tenant and letter.handler == SENDER and matching in letter.reason
        return _candidate(letter) if ours else None

    letters: _Letters = await pick_letters(settings, partition, pick)
    picked, states = letters
    still_open = [one for id, one in picked.items() if id not in states]
    return await _redrive(settings, writer, partition, still_open, intervention, report)


def _candidate(letter: DeadLetter) -> _Picked:
    try:
        one = _given_up(letter)
    except (CannotSettle, UndecodableRecord, UnknownEventVersion) as error:
        return Settled(letter.id, "cannot be redriven", str(error))
    return _Candidate(
        id=letter.id,
        partition=letter.partition,
        offset=letter.offset,
        timestamp=letter.timestamp,
        tenant=letter.tenant or "",
        size=len(letter.value),
        delivery=one.original.id,
        position=one.offset,
        number=one.number,
    )


def _given_up(letter: DeadLetter) -> GivenUp:
    if letter.handler != SENDER:
        raise CannotSettle(
            f"it was kept by {letter.handler}, before any fact was made of it, so there is no delivery to make again: "
            "correct what the reason names and have the platform or program send it again, or discard it"
        )
    offset = letter.origin.rpartition("/")[2]
    if not offset.isdecimal():
        raise CannotSettle(f"its origin {letter.origin!r} names no offset")
    one = given_up(decode(letter.value), int(offset))
    if one.original.tenantid is None or one.original.tenantid != letter.tenant:
        raise CannotSettle("it belongs to no tenant")
    if platform_of(one.original) is None:
        raise CannotSettle(f"{one.original.type} demands no delivery")
    return one


def _unless_settled(one: _Picked, state: State) -> _Picked:
    match state:
        case "redriven":
            return Settled(one.id, "was redriven before")
        case "discarded":
            return Settled(one.id, "cannot be redriven", "it was discarded")
        case "open":
            return one


async def _redrive(
    settings: Settings,
    writer: LogWriter,
    partition: int,
    wanted: Sequence[_Picked],
    intervention: Intervention,
    report: Report,
) -> list[Settled]:
    settled = [one for one in wanted if isinstance(one, Settled)]
    candidates = sorted(
        (one for one in wanted if isinstance(one, _Candidate)), key=lambda one: (one.position, one.number)
    )
    if not candidates:
        return settled
    numbers = await _numbers(settings, partition, candidates, report)
    async with partition_reader(settings, DEAD_LETTERS, partition) as reader:
        for chunk in _chunks(candidates):
            pending = [one for one in chunk if numbers.get(one.delivery, 0) <= one.number]
            facts = [_fact(one, record, intervention) for one, record in await _with_bytes(reader, pending)]
            await writer.append_all(facts, APPEND_SECONDS)
            # Marked too when only the fact is there: an earlier run broke off between the two.
            await writer.append_all([_mark(one, intervention) for one in chunk], APPEND_SECONDS)
            settled += [_settled(one, one in pending) for one in chunk]
    return settled


async def _numbers(
    settings: Settings, partition: int, candidates: Collection[_Candidate], report: Report
) -> dict[str, int]:
    """Number of the last redrive in ``events`` of each delivery that was redriven since the first of the letters."""
    deliveries = {one.delivery for one in candidates}
    numbers: dict[str, int] = {}
    async with partition_reader(settings, EVENTS, partition) as reader:
        start = await reader.offset_at(min(one.timestamp for one in candidates) - _SKEW_MS)
        if start is None:
            return numbers
        async for fact in _reported(reader, start, await reader.end_offset(), report):
            if fact.header("type") == REDRIVEN.encode():
                data = decode_data(decode(fact.value), RedrivenData)
                if data.delivery in deliveries:
                    numbers[data.delivery] = max(data.number, numbers.get(data.delivery, 0))
    return numbers


async def _reported(reader: PartitionReader, start: int, end: int, report: Report) -> AsyncIterator[Record]:
    async for record in reader.read_range(start, end):
        if (record.offset - start) % _REPORT_EACH == 0:
            report("looking for redrives", record.offset - start, end - start)
        yield record
    report("looking for redrives", end - start, end - start)


def _chunks(candidates: Iterable[_Candidate]) -> Iterator[list[_Candidate]]:
    chunk: list[_Candidate] = []
    size = 0
    for one in candidates:
        if chunk and size + one.size > _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
        chunk.append(one)
        size += one.size
    if chunk:
        yield chunk


async def _with_bytes(reader: PartitionReader, chunk: Sequence[_Candidate]) -> list[tuple[_Candidate, Record]]:
    """The candidates, in their order, each with its record of ``dead-letters``."""
    if not chunk:
        return []
    offsets = {one.offset for one in chunk}
    records = {r.offset: r async for r in reader.read_range(min(offsets), max(offsets) + 1) if r.offset in offsets}
    return [(one, records[one.offset]) for one in chunk]


def _fact(one: _Candidate, record: Record, intervention: Intervention) -> Entry:
    fact = redriven(
        given_up(decode(record.value), one.position, int(record.header("taken") or 0)),
        number=one.number + 1,
        reason=intervention.reason,
        by=intervention.by,
        at=intervention.at,
    )
    headers = [("type", fact.type.encode()), ("id", fact.id.encode())]
    return Entry(EVENTS, one.partition, encode(fact), key=one.tenant.encode(), headers=headers)


def _mark(one: _Candidate, intervention: Intervention) -> Entry:
    return mark_entry(
        "redrives",
        one.id,
        partition=one.partition,
        tenant=one.tenant,
        reason=intervention.reason,
        by=intervention.by,
        at=intervention.at,
    )


def _settled(one: _Candidate, appended: bool) -> Settled:
    number = f"redrive {one.number + 1} of the delivery {one.delivery}"
    return Settled(one.id, "redriven" if appended else "was redriven before", number)
