"""What WhatsApp's statuses tell the sender: a message was shown, or a call without an answer did take effect."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from agents.waiting import set_within
from schemas.envelope import Envelope, decode_data
from schemas.events import StatusData

#: (delivery, part)
Sent = tuple[str, int]
#: (tenant, thread)
Thread = tuple[str, str]
#: Statuses after which a message cannot be overtaken any more on the customer's phone.
_SHOWN = frozenset({"status.delivered", "status.read", "status.played", "status.failed"})
#: Seconds between two removals of what nobody looks for any more.
_TIDY_EACH = 1.0


@dataclass(slots=True)
class _Watch:
    until: float
    seen: asyncio.Event = field(default_factory=asyncio.Event)
    shown: asyncio.Event = field(default_factory=asyncio.Event)
    whatsapp_id: str | None = None


class _Former(NamedTuple):
    watch: _Watch
    until: float
    is_own: bool


class Sightings:
    """Statuses of what was sent within the last seconds, as they come by in ``events``; nothing else is kept."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        #: By delivery, then by part.
        self._watches: dict[str, dict[int, _Watch]] = {}
        #: What each thread was sent last; in the order of the time until which the next message waits for it.
        self._former: dict[Thread, _Former] = {}
        self._tidied = 0.0

    def watch(self, sent: Sent, seconds: float) -> None:
        """From now on, for so long, statuses of ``sent`` are noticed."""
        self._watch(sent, seconds)

    def sent(self, thread: Thread, what: Sent, seconds: float) -> None:
        """The thread's last message: its next one waits until this one was shown, so many seconds at most."""
        self._sent(thread, what, seconds, is_own=True)

    def former_owner_sent(self, thread: Thread, what: Sent, seconds: float) -> None:
        """As ``sent``, by a former owner. What this one has sent since stays the thread's last, whatever comes late."""
        former = self._former.get(thread)
        if former is None or not former.is_own:
            self._sent(thread, what, seconds, is_own=False)

    def _sent(self, thread: Thread, what: Sent, seconds: float, is_own: bool) -> None:
        watch, now = self._watch(what, seconds), self._clock()
        self._former.pop(thread, None)
        self._former[thread] = _Former(watch, now + seconds, is_own)
        while self._former and (oldest := next(iter(self._former))) and self._former[oldest].until <= now:
            del self._former[oldest]

    def note(self, event: Envelope) -> None:
        """A fact came by. ``causationid`` of a status is the delivery that our callback data named."""
        watches = self._watches.get(event.causationid or "")
        if not watches or not event.type.startswith("status."):
            return
        status = decode_data(event, StatusData)
        watch = watches.get(status.part)
        if watch is not None:
            watch.whatsapp_id = status.personal.whatsapp_id
            watch.seen.set()
            if event.type in _SHOWN:
                watch.shown.set()

    async def until_former_is_shown(self, thread: Thread) -> Literal["shown", "over"] | None:
        """Return once what the thread was sent last was shown, or the wait for it is over; None: it had no former."""
        former = self._former.get(thread)
        if former is None:
            return None
        await self._wait(former.watch.shown, former.until)
        return "shown" if former.watch.shown.is_set() else "over"

    async def find(self, sent: Sent) -> str | None:
        """The wamid of ``sent`` once any status of it comes by; None when its time is over or nobody watches."""
        watch = self._watches.get(sent[0], {}).get(sent[1])
        if watch is None:
            return None
        await self._wait(watch.seen, watch.until)
        return watch.whatsapp_id

    def _watch(self, sent: Sent, seconds: float) -> _Watch:
        now = self._clock()
        if now >= self._tidied + _TIDY_EACH:
            self._tidy(now)
        known = self._watches.setdefault(sent[0], {}).setdefault(sent[1], _Watch(now + seconds))
        known.until = max(known.until, now + seconds)
        return known

    def _tidy(self, now: float) -> None:
        self._tidied = now
        kept = (
            (id_, {n: watch for n, watch in parts.items() if watch.until > now}) for id_, parts in self._watches.items()
        )
        self._watches = {delivery: parts for delivery, parts in kept if parts}

    async def _wait(self, event: asyncio.Event, until: float) -> None:
        left = until - self._clock()
        if left <= 0 or event.is_set():
            return
        await set_within(event, left)
