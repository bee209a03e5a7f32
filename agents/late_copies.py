"""Facts appended long after they happened: is an earlier record of the log the same?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from agents.context import Reader
from agents.facts import Fact
from agents.heads import BATCH, STEP
from schemas.envelope import milliseconds_of_time
from streams.log import Record

#: Clocks of sources may run this much ahead of the broker's when a first copy is looked for.
SKEW_MS = 5_000


#: Records looked through in one turn; then those who are behind have theirs.
TURN = 5 * BATCH


class _Question(msgspec.Struct, frozen=True):
    """Does a record of the tenant have one of the keys?"""

    keys: tuple[str, ...]
    tenant: bytes | None
    #: Unix milliseconds before which none can have been appended.
    since: int
    #: Only below this offset; None: in all of the log.
    before: int | None
    answer: asyncio.Future[bool]

    def is_answered_by(self, first: dict[str, int]) -> bool:
        """``first`` has the offset of the first record with a key."""
        found = (first[key] for key in self.keys if key in first)
        return any(self.before is None or offset < self.before for offset in found)


@dataclass(slots=True)
class _Search:
    """One reading of the log for all questions that stood at its beginning."""

    questions: list[_Question]
    position: int
    end: int
    wanted: frozenset[str]
    tenants: frozenset[bytes | None]
    #: Where each wanted key was found first.
    first: dict[str, int]

    def look_into(self, record: Record, decode: Callable[[Record], Fact | None]) -> None:
        fact = decode(record) if record.key in self.tenants else None
        for key in self.wanted.intersection(fact.keys) if fact else ():
            self.first.setdefault(key, record.offset)

    def answer(self) -> None:
        for question in self.questions:
            if not question.answer.done():
                question.answer.set_result(question.is_answered_by(self.first))


class LateCopies:
    """Questions about facts whose first copy may lie before every duplicate window."""

    def __init__(self, decode: Callable[[Record], Fact | None], wake: Callable[[], None]) -> None:
        self._decode = decode
        self._wake = wake
        self._questions: list[_Question] = []
        self._search: _Search | None = None

    @property
    def asked(self) -> bool:
        """True when somebody waits for an answer."""
        return bool(self._questions)

    async def is_copy(self, fact: Fact) -> bool:
        """True when an earlier record of the partition has a key of ``fact``."""
        since = milliseconds_of_time(fact.event.time) - SKEW_MS
        return await self._ask(fact.keys, fact.record.key, since, fact.offset)

    async def is_in_the_log(self, id: str, cause: Record) -> bool:
        """True when a fact with this id, of the tenant of ``cause`` and appended after it, is in the partition."""
        return await self._ask((id,), cause.key, cause.timestamp - SKEW_MS, None)

    async def _ask(self, keys: tuple[str, ...], tenant: bytes | None, since: int, before: int | None) -> bool:
        # One search answers all that ask before it begins.
        question = _Question(keys, tenant, since, before, asyncio.get_running_loop().create_future())
        self._questions.append(question)
        self._wake()
        return await question.answer

    def begin_anew(self) -> None:
        """The log begins later than a search had come."""
        self._search = None

    async def search(self, reader: Reader) -> int:
        """Search on through some TURN records, so that nobody's facts of long ago hold up the others of the partition.

        Returns how many records were read. Raises as `Reader.read`.
        """
        search = self._search = self._search or await self._begin(reader)
        read = 0
        if await reader.position() != search.position:
            reader.seek(search.position)
        while search.position < search.end and read < TURN and (records := await reader.read(max_records=BATCH)):
            for number, record in enumerate(records):
                if number % STEP == 0:
                    await asyncio.sleep(0)
                if record.offset < search.end:
                    search.look_into(record, self._decode)
            search.position, read = records[-1].offset + 1, read + len(records)
        if search.position >= search.end:
            search.answer()
            del self._questions[: len(search.questions)]
            self._search = None
        return read

    async def _begin(self, reader: Reader) -> _Search:
        """From the earliest instant at which a first copy can have been appended to the last fact in question."""
        questions = list(self._questions)
        ends = {question.before for question in questions}
        end = max([await reader.end_offset() if end is None else end for end in ends])
        start = await reader.offset_at(min(question.since for question in questions))
        keys = frozenset(key for question in questions for key in question.keys)
        tenants = frozenset(question.tenant for question in questions)
        return _Search(questions, end if start is None else start, end, keys, tenants, {})
