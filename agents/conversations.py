"""Which Genesys conversation each thread is in, as outcomes tell: there an unanswered call can be looked up."""

from __future__ import annotations

import msgspec

from schemas.outcomes import Accepted

#: So many threads of a partition are remembered, those last heard of.
THREADS = 10_000


class Conversation(msgspec.Struct, frozen=True):
    """A conversation, and the last message known to be in it; both ids are Genesys's."""

    id: str
    last_message: str | None


class Conversations:
    """The newest conversation of each thread, for the threads last heard of."""

    def __init__(self, limit: int = THREADS) -> None:
        self._limit = limit
        self._of: dict[tuple[str, str], Conversation] = {}

    def note(self, tenant: str | None, thread: str | None, accepted: Accepted) -> None:
        """Genesys took something of ``thread``; only what names its conversation counts."""
        if tenant is None or thread is None or accepted.genesys_conversation_id is None:
            return
        self._of.pop((tenant, thread), None)
        self._of[tenant, thread] = Conversation(accepted.genesys_conversation_id, accepted.personal.message)
        if len(self._of) > self._limit:
            del self._of[next(iter(self._of))]

    def of(self, tenant: str, thread: str) -> Conversation | None:
        """The conversation of ``thread``, where it is known."""
        return self._of.get((tenant, thread))
