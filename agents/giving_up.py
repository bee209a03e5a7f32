"""The end of a delivery that will not be made: a fact that says so, the bytes kept, and the outcome, in this order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from agents.late_copies import SKEW_MS
from schemas.envelope import Envelope, decode_data, encode, envelope, time_of_milliseconds
from schemas.events import Failure, MessageData, StatusData, StatusPersonal
from schemas.ids import event_id
from schemas.notices import SOURCE
from schemas.outcomes import Ended
from schemas.redriving import original_of
from streams.topics import EVENTS

if TYPE_CHECKING:
    from agents.destination import Place
    from agents.partition import PartitionSender

Ending = Literal["delivery.expired", "delivery.dead_lettered"]


async def give_up(
    partition: PartitionSender,
    place: Place,
    ending: Ending,
    failure: Failure,
    *,
    part: int,
    attempts: int,
    context_id: str | None,
) -> None:
    """Append the fact `status.failed` (it demands the receipt that tells the agent), the dead letter, then the outcome.

    A crash between two of them repeats what may be lacking. The dead letter has a deterministic id. The status carries
    the time of now, by which no copy of an hour later would be recognised, so a former owner's is looked for first.
    """
    context, fact, delivery = partition.context, place.fact, place.delivery
    if delivery.kind == "message":
        await _append_failed_status(partition, place, failure)
    if ending == "delivery.dead_lettered":
        reason = f"{failure.code}: {failure.reason}"
        await context.dead_letter(fact.record, delivery.tenant, reason, attempts, context_id, part - 1)
    ended = Ended(
        delivery=delivery.id,
        offset=place.offset,
        platform=delivery.platform,
        term=partition.term,
        part=part,
        parts=len(delivery.calls),
        attempt=attempts,
        failure=failure,
        context_id=context_id,
    )
    await partition.outcomes.append(ending, ended, fact.event)
    context.metrics.finished.labels(delivery.platform, ending.removeprefix("delivery.")).inc()


async def _append_failed_status(partition: PartitionSender, place: Place, failure: Failure) -> None:
    context, delivery = partition.context, place.delivery
    event = original_of(place.fact.event)
    message = decode_data(event, MessageData)
    moment = time_of_milliseconds(context.now())
    fact = envelope(
        # By the fact that is given up, which for a redrive is not the original: the agent is told of each.
        id=event_id(delivery.tenant, "relaylog", "status", place.fact.event.id, "failed"),
        type="status.failed",
        source=SOURCE,
        time=moment,
        recordedtime=moment,
        tenantid=delivery.tenant,
        subject=event.subject,
        causationid=place.fact.event.id,
        correlationid=event.correlationid,
        data=StatusData(
            channel=message.channel,
            message=event.id,
            customer=message.customer,
            genesys_id=message.genesys_id,
            failure=failure,
            personal=StatusPersonal(customer=message.personal.customer),
        ),
    )
    # Only what an agent wrote demands a receipt; else a second status does no harm.
    if message.genesys_id is not None and await _is_in_the_log(partition, place, fact):
        return
    headers = (("type", fact.type.encode()), ("id", fact.id.encode()))
    await context.writer.append(EVENTS, partition.number, encode(fact), key=delivery.tenant.encode(), headers=headers)


async def _is_in_the_log(partition: PartitionSender, place: Place, status: Envelope) -> bool:
    """True when a former owner has said so already, perhaps so long ago that no duplicate window would know."""
    record = place.fact.record
    if record.timestamp - SKEW_MS >= partition.taken_over_at or partition.sweep is None:
        return False
    return await partition.sweep.late_copies.is_in_the_log(status.id, record)
