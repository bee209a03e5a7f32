"""What the sender did: the records of ``outcomes``, which is its ledger, fence and checkpoint (see docs/sending.md)."""

from __future__ import annotations

from typing import Literal

import msgspec

from schemas.events import Failure, Part

Platform = Literal["genesys", "whatsapp"]


class TookOver(Part, frozen=True, kw_only=True):
    """``sender.took_over``: its author owns the partition from this record on."""

    #: Unique a process start.
    sender: str


class DeliveryRecord(Part, frozen=True, kw_only=True):
    """What all records about one delivery name."""

    #: Event id of the fact that demanded the delivery.
    delivery: str
    #: Offset of that fact in ``events``.
    offset: int
    platform: Platform
    #: Offset of the ``sender.took_over`` under which the author worked.
    term: int
    part: int = 1
    parts: int = 1
    #: Counted within a term, so an attempt is named by term and number.
    attempt: int = 1


class Attempted(DeliveryRecord, frozen=True, kw_only=True):
    """``delivery.attempted``: written ahead of a call; the call may start only once this has been read back."""

    #: SHA-256 (hex, first 16) of the planned request.
    digest: str
    #: Where the thread's conversation is known: there the call can be looked up, behind the last message known in it.
    genesys_conversation_id: str | None = None
    genesys_last_message_id: str | None = None


class RemoteIds(Part, frozen=True, kw_only=True):
    """Ids given by the platform; a wamid contains a phone number, hence in ``personal``."""

    #: wamid (WhatsApp) or Genesys message id.
    message: str | None = None


class Accepted(DeliveryRecord, frozen=True, kw_only=True):
    """``delivery.accepted``: the platform took this part; the delivery is finished with its last part."""

    status: int
    #: The platform's correlation id, for its support.
    context_id: str | None = None
    genesys_conversation_id: str | None = None
    personal: RemoteIds = RemoteIds()

    @property
    def finishes(self) -> bool:
        """True when nothing of the delivery is left to send."""
        return self.part == self.parts


class Failed(DeliveryRecord, frozen=True, kw_only=True):
    """``delivery.failed``: closes the attempt (an answer, not acceptance), not the delivery."""

    failure: Failure
    #: HTTP status of the answer.
    status: int
    context_id: str | None = None
    #: Seconds until the next attempt.
    retry_after: float = 0.0


class Ended(DeliveryRecord, frozen=True, kw_only=True):
    """``delivery.expired`` and ``delivery.dead_lettered``: given up, with the reason."""

    failure: Failure
    context_id: str | None = None


class DestinationNote(Part, frozen=True, kw_only=True):
    """``destination.behind`` and ``destination.gap``: for people and metrics, not read by recovery."""

    platform: Platform
    reason: str
    cursor: int


class OutageTold(Part, frozen=True, kw_only=True):
    """``destination.outage_told``: customers are told of an outage, until a call there is accepted again.

    Whoever takes over reads the notices from there on, so that no thread is told twice.
    """

    platform: Platform
    #: Offset of ``events`` before the first notice.
    position: int


class DestinationState(Part, frozen=True, kw_only=True):
    """One destination in a checkpoint."""

    tenant: str
    platform: Platform
    #: First offset of ``events`` that is not finished.
    cursor: int
    #: Finished offsets at or above the cursor, as inclusive ranges.
    finished: tuple[tuple[int, int], ...] = ()
    #: While customers are told of an outage: offset of ``events`` before the first notice.
    told: int | None = None


class OpenAttempt(Part, frozen=True, kw_only=True):
    """An attempt whose answer is unknown."""

    tenant: str
    platform: Platform
    delivery: str
    offset: int
    part: int
    term: int
    attempt: int
    genesys_conversation_id: str | None = None
    genesys_last_message_id: str | None = None


class PartsDone(Part, frozen=True, kw_only=True):
    """How many parts of an unfinished long delivery the platform has accepted."""

    tenant: str
    platform: Platform
    offset: int
    part: int


class Checkpoint(Part, frozen=True, kw_only=True):
    """``sender.checkpoint``.

    The fold of ``outcomes`` up to ``as_of``, so that a takeover need not start at the log's start.
    """

    cluster: str
    #: First offset of ``outcomes`` that its author had not folded.
    as_of: int
    #: Offset of the ``sender.took_over`` in force at ``as_of``.
    owner: int
    #: Offset of ``events`` at which a destination starts that is not listed.
    live: int
    destinations: tuple[DestinationState, ...] = ()
    open: tuple[OpenAttempt, ...] = ()
    parts: tuple[PartsDone, ...] = ()


OUTCOMES: dict[str, type[msgspec.Struct]] = {
    "sender.took_over": TookOver,
    "delivery.attempted": Attempted,
    "delivery.accepted": Accepted,
    "delivery.failed": Failed,
    "delivery.expired": Ended,
    "delivery.dead_lettered": Ended,
    "destination.behind": DestinationNote,
    "destination.gap": DestinationNote,
    "destination.outage_told": OutageTold,
    "sender.checkpoint": Checkpoint,
}
