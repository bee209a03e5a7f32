"""What WhatsApp's statuses tell the sender: a message was shown, or a call without an answer did take effect."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from schemas.envelope import Envelope, decode_data
from schemas.events import StatusData

#: (delivery, part)
Sent = tuple[str, int]
#: Statuses after which a message cannot be overtaken any more on the customer's phone.
_SHOWN = frozenset({"status.delivered", "status.read", "status.played", "status.failed"})


@dataclass(slots=True)
class _Watch:
    until: float
    seen: asyncio.Event = field(default_factory=asyncio.Event)
    shown: asyncio.Event = field(default_factory=asyncio.Event)
    whatsapp_id: str | None = None


class Sightings:
    """Statuses of what was sent within the last seconds, as they come by in ``events``; nothing else is kept."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._watches: dict[Sent, _Watch] = {}

    def watch(self, sent: Sent, seconds: float) -> None:
        """From now on, for so long, statuses of ``sent`` are noticed."""
        now = self._clock()
        self._watches = {key: watch for key, watch in self._watches.items() if watch.until > now}
        known = self._watches.setdefault(sent, _Watch(now + seconds))
        known.until = max(known.until, now + seconds)

    def note(self, event: Envelope) -> None:
        """A fact came by. ``causationid`` of a status is the delivery that our callback data named."""
        if not self._watches or not event.type.startswith("status.") or event.causationid is None:
            return
        if not any(delivery == event.causationid for delivery, _ in self._watches):
            return
        status = decode_data(event, StatusData)
        watch = self._watches.get((event.causationid, status.part))
        if watch is not None:
            watch.whatsapp_id = status.personal.whatsapp_id
            watch.seen.set()
            if event.type in _SHOWN:
                watch.shown.set()

    async def until_shown(self, sent: Sent) -> None:
        """Return once ``sent`` was shown, or its time is over."""
        watch = self._watches.get(sent)
        if watch is not None:
            await self._wait(watch.shown, watch.until)

    async def find(self, sent: Sent) -> str | None:
        """The wamid of ``sent`` once any status of it comes by; None when its time is over or nobody watches."""
        watch = self._watches.get(sent)
        if watch is None:
            return None
        await self._wait(watch.seen, watch.until)
        return watch.whatsapp_id

    async def _wait(self, event: asyncio.Event, until: float) -> None:
        left = until - self._clock()
        if left <= 0 or event.is_set():
            return
        try:
            await asyncio.wait_for(event.wait(), left)
        except TimeoutError:
            return
