"""What the last facts of a thread said that a later one's plan needs: the customer's newest message."""

from __future__ import annotations

from agents.context import Tenants
from schemas.envelope import Envelope, decode_data
from schemas.events import MessageData

#: So many threads of a partition are remembered, those last heard of.
THREADS = 10_000


class RecentMessages:
    """The wamid of each thread's newest inbound message, for the tenants that show typing on WhatsApp.

    Volatile: after a takeover a thread is unknown until its customer writes again, and until then no typing is shown.
    """

    def __init__(self, tenants: Tenants, limit: int = THREADS) -> None:
        self._tenants = tenants
        self._limit = limit
        #: By thread: offset and wamid.
        self._of: dict[str, tuple[int, str]] = {}

    def note(self, offset: int, event: Envelope) -> None:
        """A fact came by; a sweep may bring older ones after newer ones."""
        if event.type != "message.received" or event.subject is None or event.tenantid is None:
            return
        tenant = self._tenants.by_id(event.tenantid)
        if tenant is None or not tenant.whatsapp_typing:
            return
        wamid = decode_data(event, MessageData).personal.whatsapp_id
        known = self._of.get(event.subject)
        if wamid is None or (known is not None and known[0] > offset):
            return
        self._of.pop(event.subject, None)
        self._of[event.subject] = (offset, wamid)
        if len(self._of) > self._limit:
            del self._of[next(iter(self._of))]

    def newest(self, thread: str) -> str | None:
        """The wamid of the customer's newest message, where it is known."""
        known = self._of.get(thread)
        return None if known is None else known[1]
