"""Reading ``outcomes`` back to the newest checkpoint: where a takeover starts to fold."""

from __future__ import annotations

from agents.context import Reader
from schemas.envelope import decode, decode_data
from schemas.errors import RelaylogError, UndecodableRecord
from schemas.outcomes import Checkpoint

CHECKPOINT_TYPE = b"sender.checkpoint"


class ForeignCheckpoint(RelaylogError):
    """The checkpoint was written against another Kafka cluster, whose offsets mean nothing here."""


async def newest_checkpoint(
    reader: Reader, log_start: int, before: int, stride: int, cluster: str
) -> Checkpoint | None:
    """The checkpoint with the highest ``as_of`` before offset ``before``; None when the log holds none.

    Reads backwards in growing strides, the first of ``stride`` records. A stale owner's checkpoint is only old, never
    wrong. Raises ForeignCheckpoint.
    """
    while True:
        start = max(log_start, before - stride)
        best: Checkpoint | None = None
        reader.seek(start)
        while await reader.position() < before:
            for record in await reader.read():
                if record.offset < before and record.header("type") == CHECKPOINT_TYPE:
                    best = _newer(best, _checkpoint(record.value))
        if best is not None and best.cluster != cluster:
            raise ForeignCheckpoint(
                f"the checkpoint in outcomes belongs to Kafka cluster {best.cluster}, this one is {cluster}: "
                "its offsets mean nothing here; point RELAYLOG_KAFKA to that cluster, "
                "or start with another RELAYLOG_TOPIC_PREFIX"
            )
        if best is not None or start == log_start:
            return best
        stride *= 4


def _checkpoint(value: bytes | None) -> Checkpoint | None:
    try:
        return decode_data(decode(value), Checkpoint)
    except UndecodableRecord:
        return None


def _newer(one: Checkpoint | None, other: Checkpoint | None) -> Checkpoint | None:
    if one is None or other is None:
        return one or other
    return other if other.as_of >= one.as_of else one
