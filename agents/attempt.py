"""One attempt at one call: written ahead, shown to be in the log, made, and its result recorded at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agents.answers import Answer, NotSent, Refused, Taken, Unanswered
from agents.conversations import Conversation
from agents.policy import Cause, cause_of
from agents.remotes import Permit
from schemas.delivery import Call
from schemas.events import Failure
from schemas.outcomes import Accepted, Attempted, Failed, RemoteIds
from schemas.planning import plan_digest

if TYPE_CHECKING:
    from agents.destination import Destination, Place
    from agents.partition import PartitionSender

#: A proof that took longer (the process may have been stopped meanwhile) says nothing about now.
FRESH_SECONDS = 1.0


class Lost(Exception):
    """The partition is closed or draining: stop without a further record."""


class Attempts:
    """The attempts of one delivery under one owner."""

    def __init__(self, partition: PartitionSender, destination: Destination, place: Place) -> None:
        #: Number of the last attempt.
        self.number = 0
        #: The thread's conversation at Genesys, and the last message in it, as known when the last attempt was made.
        self.conversation: Conversation | None = None
        self._partition = partition
        self._context = partition.context
        self._destination = destination
        self._place = place
        self._offset = place.offset
        self._delivery = place.delivery
        self._remote = self._context.remotes[place.delivery.platform]
        self._metrics = self._context.metrics.of(place.delivery.platform)

    async def make(self, permit: Permit, part: int, call: Call) -> Answer | None:
        """One attempt under the fence.

        None when no call was made: the circuit opened or the tenant was paused while a permit or a slot was waited for,
        the proof is too old to trust, a result arrived, or the platform has said meanwhile that the budget is used
        up. Raises Lost.
        """
        async with self._context.in_flight.slot(self._destination.standing):
            self.check()
            if not self._may_call():
                return None
            with self._partition.calling():
                asked = self._context.clock()
                known = self.conversation = self._conversation()
                record = Attempted(
                    **self.names(part),
                    digest=plan_digest(call),
                    genesys_conversation_id=known.id if known else None,
                    genesys_last_message_id=known.last_message if known else None,
                )
                if not await self._partition.tail.attempted(record, self._place.fact) or self._partition.is_closed():
                    raise Lost
                if (hindrance := self._hindrance(part, asked, permit)) is not None:
                    # Nobody has to find out about a call that was not made.
                    await self.record_failure(NotSent("not_called", hindrance), part)
                    return None
                self._context.crash("sender_before_call")
                self._watch_for_statuses(part)
                answer = await self._call(permit, call)
                await self._context.turns.come()
                await self._record(answer, part)
                return answer

    def _may_call(self) -> bool:
        delivery = self._delivery
        if self._partition.obstacle((delivery.tenant, delivery.platform)) is not None:
            return False
        return self._destination.circuit.admits(delivery.lane)

    def _hindrance(self, part: int, asked: float, permit: Permit) -> str | None:
        """Why the call must not be made on an attempt written at ``asked``; None when it may."""
        now = self._context.clock()
        if not self.is_pending() or self.is_taken(part):
            return "the result of a former owner's call came meanwhile"
        if now - asked > FRESH_SECONDS:
            return "the log took so long to show the attempt that it proves nothing about now"
        return "the platform has said meanwhile that the budget is used up" if permit.bucket.forbids(now) else None

    async def record_failure(self, answer: Refused | NotSent, part: int) -> None:
        """Append why the last attempt, or its preparation, did not succeed."""
        failed = Failed(
            **self.names(part),
            failure=Failure(code=answer.code, reason=answer.reason),
            status=answer.status if isinstance(answer, Refused) else 0,
            context_id=answer.context_id if isinstance(answer, Refused) else None,
        )
        await self._partition.outcomes.append("delivery.failed", failed, self._place.fact.event)

    async def record_acceptance(self, answer: Taken, part: int) -> None:
        """Record that the platform took the part, without waiting for the acknowledgement.

        No later call of the lane is made before the log has shown its attempt, which stands behind this record; and a
        partition is let go only when everything is acknowledged.
        """
        accepted = Accepted(
            **self.names(part),
            status=answer.status,
            context_id=answer.context_id,
            genesys_conversation_id=answer.genesys_conversation_id,
            personal=RemoteIds(message=answer.message_id),
        )
        self._partition.conversations.note(self._delivery.tenant, self._place.fact.event.subject, accepted)
        await self._partition.outcomes.enqueue("delivery.accepted", accepted, self._place.fact.event)
        if accepted.finishes:
            self._metrics.accepted((self._context.now() - self._place.fact.record.timestamp) / 1000)

    def is_pending(self) -> bool:
        """False once the delivery has ended, by whoever's result: its place tells, the ledger forgets."""
        return self._destination.holds(self._offset)

    def is_taken(self, part: int) -> bool:
        """True when the log shows the part as taken, by whoever's call."""
        return self.parts_taken() >= part

    def parts_taken(self) -> int:
        """How many parts of an unfinished delivery the log shows as taken."""
        done = self._partition.ledger.parts.get(self._offset)
        return done.part if done else 0

    def check(self) -> None:
        """Raises Lost when no new attempt may begin."""
        if self._partition.is_closed() or self._partition.draining:
            raise Lost

    def names(self, part: int) -> dict[str, Any]:
        """What every record about this delivery says."""
        return {
            "delivery": self._delivery.id,
            "offset": self._offset,
            "platform": self._delivery.platform,
            "term": self._partition.term,
            "part": part,
            "parts": len(self._delivery.calls),
            "attempt": self.number,
        }

    def _conversation(self) -> Conversation | None:
        if self._delivery.platform != "genesys":
            return None
        return self._partition.conversations.of(self._delivery.tenant, self._delivery.lane)

    def _watch_for_statuses(self, part: int) -> None:
        if self._delivery.platform == "whatsapp":
            settings = self._context.settings
            self._partition.sightings.watch((self._delivery.id, part), settings.call_timeout + settings.look_up_wait)

    async def _call(self, permit: Permit, call: Call) -> Answer:
        started = self._context.clock()
        with self._destination.standing.call():
            answer = await self._remote.send(permit, call)
        self._destination.standing.ended(answered=isinstance(answer, Taken | Refused))
        self._metrics.ended(answer, self._context.clock() - started)
        if isinstance(answer, Taken):
            self._context.crash("sender_after_answer")
        return answer

    def count_refusal(self, answer: Refused | NotSent) -> None:
        """A call was refused, or could not even be prepared."""
        metrics, platform = self._context.metrics, self._delivery.platform
        cause = cause_of(platform, answer)
        metrics.refusals.labels(platform, cause.value).inc()
        if cause in (Cause.SERVER_ERROR, Cause.UNAVAILABLE):
            metrics.uncertain.labels(platform).inc()

    async def _record(self, answer: Answer, part: int) -> None:
        """An unanswered attempt stays open: nothing is known that would close it."""
        match answer:
            case Taken():
                await self.record_acceptance(answer, part)
            case Refused():
                self.count_refusal(answer)
                await self.record_failure(answer, part)
            case NotSent():
                await self.record_failure(answer, part)
            case Unanswered():
                pass
