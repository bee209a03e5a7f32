"""The sender's ledger: the pure fold of one partition of ``outcomes``, at takeover and while tailing alike.

Exact in constant memory: below a destination's cursor everything is finished, above it the ledger holds the few that
are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from schemas.envelope import Envelope, decode_data
from schemas.outcomes import (
    Accepted,
    Attempted,
    Checkpoint,
    DeliveryRecord,
    DestinationState,
    Ended,
    Failed,
    OpenAttempt,
    OutageTold,
    PartsDone,
    Platform,
)

#: (tenant, platform)
Destination = tuple[str, Platform]


#: Records about deliveries.
_SHAPES: dict[str, type[DeliveryRecord]] = {
    "delivery.attempted": Attempted,
    "delivery.accepted": Accepted,
    "delivery.failed": Failed,
    "delivery.expired": Ended,
    "delivery.dead_lettered": Ended,
}
#: Finished offsets of all destinations together; each takes up to some 25 bytes of a checkpoint.
CROWDED = 100_000


@dataclass(slots=True)
class Ledger:
    """Who owns the partition, what is finished, and which attempts have no answer yet.

    A fact demands at most one delivery, so its offset in ``events`` names the delivery.
    """

    #: First offset of ``outcomes`` that has not been folded.
    as_of: int = 0
    #: Offset of the ``sender.took_over`` in force.
    owner: int = -1
    finished: dict[Destination, set[int]] = field(default_factory=dict)
    open: dict[int, OpenAttempt] = field(default_factory=dict)
    #: Accepted parts of deliveries that have more of them.
    parts: dict[int, PartsDone] = field(default_factory=dict)
    #: While customers are told of an outage: offset of ``events`` before the first notice.
    told: dict[Destination, int] = field(default_factory=dict)

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> Ledger:
        """The ledger as its author had folded it at ``as_of``; fold on from there."""
        return cls(
            as_of=checkpoint.as_of,
            owner=checkpoint.owner,
            finished={(d.tenant, d.platform): set(_expand(d.finished)) for d in checkpoint.destinations if d.finished},
            open={attempt.offset: attempt for attempt in checkpoint.open},
            parts={done.offset: done for done in checkpoint.parts},
            told={(d.tenant, d.platform): d.told for d in checkpoint.destinations if d.told is not None},
        )

    def fold(self, offset: int, event: Envelope, data: DeliveryRecord | None = None) -> DeliveryRecord | None:
        """Take in the record at ``offset``; returns it when it concerns a delivery and counts.

        ``data`` is the event's, where it is at hand decoded.

        An attempt counts only under the owner in force: after a takeover, those of former owners are void. Results are
        true whoever writes them.
        """
        self.as_of = offset + 1
        if event.type == "sender.took_over":
            self.owner = offset
        if event.type == "destination.outage_told":
            self._outage_told(event, decode_data(event, OutageTold))
        shape = _SHAPES.get(event.type)
        if shape is None:
            return None
        match data if data is not None else decode_data(event, shape):
            case Attempted() as attempted:
                return self._attempted(event, attempted)
            case Accepted() as accepted:
                return self._accepted(event, accepted)
            case Failed() as failed:
                return self._failed(failed)
            case ended:
                return self._finish(event, ended)

    def is_finished(self, destination: Destination, offset: int) -> bool:
        """True when the delivery of the fact at ``offset`` has ended."""
        return offset in self.finished.get(destination, ())

    def is_crowded(self) -> bool:
        """True when so much is finished above stuck deliveries that a checkpoint may grow too large for one record."""
        return self.remembered() > CROWDED

    def remembered(self) -> int:
        """Finished offsets of all destinations together."""
        return sum(map(len, self.finished.values()))

    def forget_below(self, destination: Destination, cursor: int) -> None:
        """Drop what the cursor has passed."""
        offsets = self.finished.get(destination)
        if offsets:
            offsets.difference_update([offset for offset in offsets if offset < cursor])
            if not offsets:
                del self.finished[destination]

    def checkpoint(self, cluster: str, live: int, cursors: dict[Destination, int]) -> Checkpoint:
        """A checkpoint of this ledger; ``cursors`` has every destination that does not start at ``live``."""
        for destination in list(self.finished):
            self.forget_below(destination, cursors.get(destination, live))
        return Checkpoint(
            cluster=cluster,
            as_of=self.as_of,
            owner=self.owner,
            live=live,
            destinations=tuple(
                DestinationState(
                    tenant=tenant,
                    platform=platform,
                    cursor=cursors.get((tenant, platform), live),
                    finished=tuple(_ranges(self.finished.get((tenant, platform), ()))),
                    told=self.told.get((tenant, platform)),
                )
                for tenant, platform in sorted(cursors.keys() | self.finished.keys() | self.told.keys())
            ),
            open=tuple(self.open.values()),
            parts=tuple(self.parts.values()),
        )

    def _attempted(self, event: Envelope, data: Attempted) -> Attempted | None:
        if data.term != self.owner:
            return None
        self.open[data.offset] = OpenAttempt(
            tenant=event.tenantid or "",
            platform=data.platform,
            delivery=data.delivery,
            offset=data.offset,
            part=data.part,
            term=data.term,
            attempt=data.attempt,
            genesys_conversation_id=data.genesys_conversation_id,
            genesys_last_message_id=data.genesys_last_message_id,
        )
        return data

    def _failed(self, data: Failed) -> Failed:
        attempt = self.open.get(data.offset)
        if attempt is not None and (attempt.term, attempt.attempt) == (data.term, data.attempt):
            del self.open[data.offset]
        return data

    def _outage_told(self, event: Envelope, data: OutageTold) -> None:
        self.told.setdefault((event.tenantid or "", data.platform), data.position)

    def _accepted(self, event: Envelope, data: Accepted) -> Accepted:
        if self.told:
            self.told.pop((event.tenantid or "", data.platform), None)
        if data.finishes:
            self._finish(event, data)
            return data
        attempt, done = self.open.get(data.offset), self.parts.get(data.offset)
        if attempt is not None and attempt.part <= data.part:
            del self.open[data.offset]
        # A former owner's result may come late, when its successor is further already.
        if done is None or done.part < data.part:
            self.parts[data.offset] = PartsDone(
                tenant=event.tenantid or "", platform=data.platform, offset=data.offset, part=data.part
            )
        return data

    def _finish(self, event: Envelope, data: DeliveryRecord) -> DeliveryRecord:
        self.open.pop(data.offset, None)
        self.parts.pop(data.offset, None)
        self.finished.setdefault((event.tenantid or "", data.platform), set()).add(data.offset)
        return data


def _ranges(offsets: Iterable[int]) -> Iterator[tuple[int, int]]:
    start = end = None
    for offset in sorted(offsets):
        if start is None or end is None:
            start = end = offset
        elif offset == end + 1:
            end = offset
        else:
            yield start, end
            start = end = offset
    if start is not None and end is not None:
        yield start, end


def _expand(ranges: Iterable[tuple[int, int]]) -> Iterator[int]:
    for start, end in ranges:
        yield from range(start, end + 1)
