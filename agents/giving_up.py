"""The end of a delivery that will not be made: a fact that says so, the bytes kept, and the outcome, in this order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from schemas.envelope import decode_data, encode, envelope, time_of_milliseconds
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

    A crash between two of them repeats the first ones; their ids are deterministic, so the copies are recognised.
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
    headers = (("type", fact.type.encode()), ("id", fact.id.encode()))
    await context.writer.append(EVENTS, partition.number, encode(fact), key=delivery.tenant.encode(), headers=headers)
