"""The circuit breaker of one destination: open while the platform, or our configuration there, does not work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum

from agents.waiting import set_within

#: Transport errors in a row that open the circuit, whichever threads met them.
TRANSPORT_ERRORS = 3
#: Threads on which an error that one bad message could cause must be seen before it counts against the destination.
THREADS = 2
FIRST_PROBE = 1.0
LONGEST_PROBE = 30.0
#: A refused configuration is asked again this often: an operator's correction on the platform needs no restart.
CONFIGURATION_PROBE = 300.0


class Verdict(Enum):
    """What a call says about its destination."""

    WORKS = "works"
    TRANSPORT = "transport"
    SERVER = "server"
    CONFIGURATION = "configuration"
    #: Not even the configuration of our own side can be used: a token was refused.
    CREDENTIALS = "credentials"
    NOTHING = "nothing"


class Circuit:
    """Closed, or open with a reason; while open, one probe at a time, each by another thread than the last.

    So one bad message can neither open the circuit nor hold it open.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.reason: str | None = None
        self._clock = clock
        self._transport_errors = 0
        self._threads: dict[Verdict, set[str]] = {Verdict.SERVER: set(), Verdict.CONFIGURATION: set()}
        self._waiting: dict[str, None] = {}
        self._probing: str | None = None
        self._last_probe: str | None = None
        self._probe_at = 0.0
        self._interval = FIRST_PROBE
        self._turn = asyncio.Event()
        self._renewed = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """True while only probes may call."""
        return self.reason is not None

    async def admission(self, thread: str) -> None:
        """Return when ``thread`` may call: at once while closed, else as a probe when its turn has come."""
        self._waiting[thread] = None
        try:
            while self.is_open and not self._takes_probe(thread):
                await self._change()
        finally:
            self._waiting.pop(thread, None)

    def admits(self, thread: str) -> bool:
        """True when ``thread``, once admitted, may still call: the circuit has not opened since, or it is the probe."""
        return not self.is_open or self._probing == thread

    def record(self, thread: str, verdict: Verdict) -> bool:
        """Take in how a call of ``thread`` ended; True when the circuit opened or closed by it."""
        was_open, was_probe = self.is_open, self._probing == thread
        if was_probe:
            self._probing = None
        if verdict is Verdict.WORKS:
            self._close()
        elif verdict is not Verdict.NOTHING:
            self._count(thread, verdict)
            # What was in flight when it opened says nothing new.
            if was_open and was_probe:
                self._postpone()
        self._wake()
        return was_open != self.is_open

    def abandon(self, thread: str) -> None:
        """The probe of ``thread`` ended without a call."""
        if self._probing == thread:
            self._probing = None
            self._wake()

    async def pause(self, seconds: float) -> None:
        """Return after so long, or at once when the configuration changes."""
        await set_within(self._renewed, seconds)

    def renew(self) -> None:
        """The configuration has changed: what it had stopped is tried at once."""
        if self.reason in (Verdict.CONFIGURATION.value, Verdict.CREDENTIALS.value):
            self._close()
            self._wake()
        self._renewed.set()
        self._renewed = asyncio.Event()

    def _takes_probe(self, thread: str) -> bool:
        if self._probing is not None or self._clock() < self._probe_at or self._next() != thread:
            return False
        self._probing = self._last_probe = thread
        return True

    def _next(self) -> str | None:
        others = (thread for thread in self._waiting if thread != self._last_probe)
        return next(others, next(iter(self._waiting), None))

    async def _change(self) -> None:
        turn, delay = self._turn, self._probe_at - self._clock()
        # Past its time, a probe is under way or another thread is next: both end in a change. Before it, never so short
        # that the clock does not move.
        timeout = max(delay, 0.001) if delay > 0 else 1.0
        await set_within(turn, timeout)

    def _count(self, thread: str, verdict: Verdict) -> None:
        if verdict is Verdict.TRANSPORT:
            self._transport_errors += 1
            if self._transport_errors >= TRANSPORT_ERRORS:
                self._open("transport", FIRST_PROBE)
        elif verdict is Verdict.CREDENTIALS:
            self._open("credentials", CONFIGURATION_PROBE)
        else:
            self._threads[verdict].add(thread)
            if len(self._threads[verdict]) >= THREADS:
                first = FIRST_PROBE if verdict is Verdict.SERVER else CONFIGURATION_PROBE
                self._open(verdict.value, first)

    def _open(self, reason: str, interval: float) -> None:
        if not self.is_open:
            self.reason, self._interval = reason, interval
            self._probe_at = self._clock() + interval

    def _close(self) -> None:
        self.reason = None
        self._transport_errors = 0
        for threads in self._threads.values():
            threads.clear()

    def _postpone(self) -> None:
        self._interval = max(self._interval, min(LONGEST_PROBE, 2 * self._interval))
        self._probe_at = self._clock() + self._interval

    def _wake(self) -> None:
        if self._waiting:
            self._turn.set()
            self._turn = asyncio.Event()
