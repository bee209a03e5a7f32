"""The simulated network: requests of a process to the platforms, and every way in which their answers get lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import aiohttp
import msgspec

from tests.simulation.books import Books, Call
from tests.simulation.process import Process


@dataclass(frozen=True, slots=True)
class Weather:
    """How likely each way of ending is, for one tenant on one platform; what is left is acceptance."""

    unreachable: float = 0.0
    silent: float = 0.0
    #: The connection breaks, before the request arrives or after.
    reset: float = 0.0
    limited: float = 0.0
    #: An error with the platform's own body: no effect.
    broken: float = 0.0
    #: An error of something in front of the platform: effect unknown.
    bare: float = 0.0
    refused: float = 0.0
    #: The account is refused, not the message.
    forbidden: float = 0.0
    lost_answer: float = 0.0
    slow: float = 0.0


CALM = Weather()
WEATHERS = {
    "calm": CALM,
    "flaky": Weather(
        unreachable=0.06, silent=0.06, reset=0.06, broken=0.08, bare=0.05, refused=0.02, lost_answer=0.1, slow=0.05
    ),
    "dark": Weather(unreachable=0.6, silent=0.4),
    "limited": Weather(limited=0.5),
    "slow": Weather(slow=0.5),
    "lossy": Weather(lost_answer=0.4, reset=0.1),
    "forbidden": Weather(forbidden=1.0),
}


@dataclass(slots=True)
class Answer:
    """Status, headers and body of an answer; or ``error``, what the client raises instead."""

    status: int = 0
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A request on its way."""

    process: Process
    #: When the process decided on it; it leaves later when the process is stopped in between.
    made: float
    method: str
    #: Below the platform's base.
    path: str
    authorization: str
    body: dict[str, Any]


class Exchange:
    """One request, as the platform's code steers it; the answer goes to the process once, or the client gives up."""

    def __init__(self, process: Process, timeout: float) -> None:
        loop = asyncio.get_running_loop()
        self._process = process
        self._ends = loop.time() + timeout
        #: As the books have it; what ends the exchange ends the call.
        self.call: Call | None = None
        self._future: asyncio.Future[Answer] = loop.create_future()
        #: Called once: with the answer when the process gets it, or with an error when it stops waiting for one.
        self.on_answer: Callable[[Answer], None] | None = None

    def answer(self, delay: float, answer: Answer) -> None:
        """The client gets ``answer`` in so many seconds, or its own timeout when that is earlier."""
        loop = asyncio.get_running_loop()
        at = loop.time() + delay
        if at >= self._ends:
            at, answer = max(self._ends, loop.time()), Answer(error=TimeoutError())
        loop.call_at(at, self._process.tell, lambda: self._deliver(answer))

    def fail(self, delay: float, error: BaseException) -> None:
        """The client meets ``error``."""
        self.answer(delay, Answer(error=error))

    def lose(self) -> None:
        """No answer ever comes."""
        self.answer(self._ends - asyncio.get_running_loop().time(), Answer(error=TimeoutError()))

    def note(self, books: Books, name: str, part: int, log_end: int) -> None:
        """Enter the call in the books."""
        now = asyncio.get_running_loop().time()
        self.call = Call(self._process.name, name, part, log_end, now, self._ends)
        books.sent.append(self.call)

    async def result(self) -> Answer:
        try:
            return await self._future
        except asyncio.CancelledError as error:
            self._end(Answer(error=error))
            raise

    def _deliver(self, answer: Answer) -> None:
        if self._future.done():
            return
        self._end(answer)
        self._future.set_result(answer)

    def _end(self, answer: Answer) -> None:
        if self.call is not None:
            self.call.ended = min(self.call.ended, asyncio.get_running_loop().time())
        if self.on_answer is not None:
            self.on_answer(answer)


Platform = Callable[[Request, Exchange], None]


class SimulatedSession:
    """In the place of aiohttp's session, for one process; as much of it as the sender uses."""

    def __init__(self, process: Process, platforms: Mapping[str, Platform], timeout: float) -> None:
        self._process = process
        self._platforms = platforms
        self._timeout = timeout

    def request(self, method: str, url: str, *, data: Any, headers: dict[str, str]) -> _Sending:
        """``url`` is ``http://<platform>/<path>``."""
        host, _, path = url.removeprefix("http://").partition("/")
        body = msgspec.json.decode(data) if isinstance(data, bytes) else {}
        made = asyncio.get_running_loop().time()
        request = Request(self._process, made, method, f"/{path}", headers["Authorization"], body)
        return _Sending(request, self._platforms[host], self._timeout)


class _Sending:
    def __init__(self, request: Request, platform: Platform, timeout: float) -> None:
        self._request = request
        self._platform = platform
        self._timeout = timeout

    async def __aenter__(self) -> _Sending:
        process = self._request.process
        await process.gate()
        exchange = Exchange(process, self._timeout)
        self._platform(self._request, exchange)
        answer = await exchange.result()
        await process.gate()
        if answer.error is not None:
            raise answer.error
        self.status, self.headers, self._body = answer.status, answer.headers, answer.body
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def read(self) -> bytes:
        """The whole body."""
        return b"" if self._body is None else msgspec.json.encode(self._body)


class Fate:
    """What befalls one request, drawn from the weather; what is not said here happens at the platform."""

    def __init__(self, random: Random, weather: Weather) -> None:
        self._random = random
        self._draw = random.random()
        self._weather = weather

    def _falls(self, share: float) -> bool:
        if self._draw < 0:
            return False
        self._draw -= share
        return self._draw < 0

    def travels(self, exchange: Exchange, timeout: float, arrive: Callable[[Fate], None]) -> None:
        """Lose it before it arrives, or have it arrive after its time on the way."""
        random, weather = self._random, self._weather
        if self._falls(weather.unreachable):
            exchange.fail(random.uniform(0.0, 0.1), aiohttp.ConnectionTimeoutError())
            return
        if self._falls(weather.silent):
            exchange.lose()
            return
        if self._falls(weather.reset):
            exchange.fail(random.uniform(0.001, 0.05), aiohttp.ServerDisconnectedError())
            # It arrives soon or not at all: a platform that takes a call long after its connection broke is doubled.
            if random.random() < 0.5:
                asyncio.get_running_loop().call_later(random.uniform(0.001, 0.05), arrive, self)
            return
        slow = random.random() < weather.slow
        way = random.uniform(0.1, timeout + 0.9) if slow else random.uniform(0.001, 0.05)
        asyncio.get_running_loop().call_later(way, arrive, self)

    def is_limited(self) -> bool:
        return self._falls(self._weather.limited)

    def is_broken(self) -> bool:
        return self._falls(self._weather.broken)

    def is_bare(self) -> bool:
        return self._falls(self._weather.bare)

    def is_refused(self) -> bool:
        return self._falls(self._weather.refused)

    def is_forbidden(self) -> bool:
        return self._falls(self._weather.forbidden)

    def loses_answer(self) -> bool:
        return self._falls(self._weather.lost_answer)
