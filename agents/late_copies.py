"""Facts appended long after they happened: is an earlier record of the log the same?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from agents.context import Reader
from agents.facts import Fact
from schemas.envelope import milliseconds_of_time
from streams.log import Record

#: Clocks of sources may run this much ahead of the broker's when a first copy is looked for.
SKEW_MS = 5_000


@dataclass(slots=True)
class _Question:
    fact: Fact
    answer: asyncio.Future[bool]


class LateCopies:
    """Questions about facts whose first copy may lie before every duplicate window."""

    def __init__(self, decode: Callable[[Record], Fact | None], wake: Callable[[], None]) -> None:
        self._decode = decode
        self._wake = wake
        self._questions: list[_Question] = []

    @property
    def asked(self) -> bool:
        """True when somebody waits for an answer."""
        return bool(self._questions)

    async def is_copy(self, fact: Fact) -> bool:
        """True when an earlier record of the partition has a key of ``fact``.

        One scan answers all that ask meanwhile.
        """
        question = _Question(fact, asyncio.get_running_loop().create_future())
        self._questions.append(question)
        self._wake()
        return await question.answer

    async def answer(self, reader: Reader, scan: Callable[[int, int], AsyncIterator[Record]]) -> None:
        """Answer all questions by one scan from the earliest instant at which a first copy can have been appended."""
        questions = list(self._questions)
        earliest = min(milliseconds_of_time(q.fact.event.time) for q in questions) - SKEW_MS
        end = max(q.fact.offset for q in questions)
        start = await reader.offset_at(earliest)
        first: dict[str, int] = {}
        wanted = {key for q in questions for key in q.fact.keys}
        tenants = {q.fact.record.key for q in questions}
        if start is not None and start < end:
            async for record in scan(start, end):
                fact = self._decode(record) if record.key in tenants else None
                for key in wanted.intersection(fact.keys) if fact else ():
                    first.setdefault(key, record.offset)
        del self._questions[: len(questions)]
        for question in questions:
            copy = any(first.get(key, question.fact.offset) < question.fact.offset for key in question.fact.keys)
            if not question.answer.done():
                question.answer.set_result(copy)
