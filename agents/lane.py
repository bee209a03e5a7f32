"""A lane: the deliveries of one thread to one platform, one after the other, one call in flight."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

from agents.answers import Answer, NotSent, Refused, Taken, Unanswered
from agents.giving_up import Ending, give_up
from agents.policy import DeadLetter, Decision, Remint, Retry, decide
from agents.remotes import NotReady, Permit
from schemas.delivery import Call
from schemas.envelope import milliseconds_of_time
from schemas.errors import RelaylogError
from schemas.events import Failure
from schemas.outcomes import Accepted, Attempted, Failed, RemoteIds
from schemas.planning import plan_digest
from schemas.tenant import Channel, Tenant
from streams.settings import Settings

if TYPE_CHECKING:
    from agents.destination import Destination, Place
    from agents.partition import PartitionSender

#: A read-back that took longer (the process may have been stopped meanwhile) proves nothing about now.
FRESH_SECONDS = 1.0
#: Beyond the call timeout, how long a former owner's result may still be on its way.
RESULT_GRACE = 2.0


async def run_lane(partition: PartitionSender, destination: Destination, name: str) -> None:
    """Deliver what the lane holds until it is empty or the partition is lost.

    What is unfinished then stays in the log.
    """
    lane = destination.lanes[name]
    while lane:
        place = lane[0]
        if not await LaneHead(partition, destination, place).deliver():
            return
        lane.popleft()
    del destination.lanes[name]


class _Lost(Exception):
    """The partition is closed or draining: stop without a further record."""


class LaneHead:
    """One delivery at the head of its lane."""

    def __init__(self, partition: PartitionSender, destination: Destination, place: Place) -> None:
        self._partition = partition
        self._context = partition.context
        self._destination = destination
        self._place = place
        self._delivery = place.delivery
        self._remote = self._context.remotes[place.delivery.platform]
        #: Number of the last attempt, over all owners.
        self._attempt = 0
        self._tries = 0
        #: Tries that used up the delivery's budget.
        self._spent = 0
        self._codes: Counter[str] = Counter()

    async def deliver(self) -> bool:
        """True when the delivery has ended, False when the partition is lost."""
        try:
            if await self._is_late_copy():
                self._context.metrics.copies.inc()
                self._end_silently()
            elif not self._is_finished() and not await self._settle_ambiguous():
                await self._send_parts()
        except _Lost:
            return False
        return True

    async def _is_late_copy(self) -> bool:
        window_ms = round(self._context.settings.duplicate_window * 1000)
        if not self._place.fact.appended_late(window_ms) or self._partition.sweep is None:
            return False
        return await self._partition.sweep.is_copy(self._place.fact)

    def _is_finished(self) -> bool:
        # Its place tells, not the ledger, which forgets what the cursor has passed.
        return not self._destination.holds(self._place.offset)

    def _end_silently(self) -> None:
        assert self._destination.key is not None
        self._partition.finished(self._destination.key, self._place.offset)

    async def _settle_ambiguous(self) -> bool:
        """After a takeover.

        Wait for the former owner's result, then do as the tenant chose. True when the delivery has ended.
        """
        attempt = self._partition.ledger.open.get(self._place.offset)
        if attempt is None:
            return False
        self._attempt = attempt.attempt
        deadline = self._partition.ready_at + self._context.settings.call_timeout + RESULT_GRACE
        while self._place.offset in self._partition.ledger.open and (left := deadline - self._context.clock()) > 0:
            self._check()
            await asyncio.sleep(min(left, 0.1))
        if self._is_finished():
            return True
        return self._place.offset in self._partition.ledger.open and await self._unknown()

    async def _unknown(self) -> bool:
        """The answer to an attempt stays unknown. True when the tenant wants such a delivery held for a person."""
        tenant = self._context.tenants.by_id(self._delivery.tenant)
        hold = tenant is not None and tenant.on_ambiguous == "hold"
        self._context.metrics.ambiguous.labels(self._delivery.platform, "hold" if hold else "resend").inc()
        if hold:
            await self._give_up(
                "delivery.dead_lettered", Failure(code="ambiguous", reason="the answer to a call was lost")
            )
        return hold

    async def _send_parts(self) -> None:
        done = self._partition.ledger.parts.get(self._place.offset)
        calls = self._delivery.calls
        for part in range(done.part + 1 if done else 1, len(calls) + 1):
            if not await self._send_part(part, calls[part - 1]):
                return

    async def _send_part(self, part: int, call: Call) -> bool:
        """Try until the platform has taken the part (True) or the delivery is given up (False)."""
        staged: Call | None = None
        while True:
            self._check()
            if self._is_finished():
                return False
            if self._too_old():
                await self._give_up("delivery.expired", Failure(code="expired", reason="too old to be sent"), part)
                return False
            self._attempt += 1
            permit: Permit | None = None
            try:
                tenant, channel = self._configuration()
                staged = staged or await self._remote.stage(tenant, channel, call)
                permit = await self._remote.permit(tenant, channel)
                self._check()
                answer = await self._call(permit, part, staged)
            except NotReady as not_ready:
                answer = not_ready.answer
            if isinstance(answer, Taken):
                return True
            if answer is not None and not await self._after(answer, permit, part):
                return False

    def _configuration(self) -> tuple[Tenant, Channel]:
        tenant = self._context.tenants.by_id(self._delivery.tenant)
        channel = tenant.channel(self._delivery.channel) if tenant else None
        if tenant is None or channel is None:
            raise NotReady(NotSent("configuration", f"channel {self._delivery.channel} is not configured"))
        return tenant, channel

    async def _call(self, permit: Permit, part: int, call: Call) -> Answer | None:
        """One attempt under the fence.

        None when no call was made: the read-back is too old to trust, or a result arrived.
        """
        async with self._context.in_flight:
            self._check()
            with self._partition.calling():
                asked = self._context.clock()
                record = Attempted(**self._names(part), digest=plan_digest(call))
                if not await self._partition.attempted(record, self._place.fact) or self._partition.is_closed():
                    raise _Lost
                if self._is_finished() or self._context.clock() - asked > FRESH_SECONDS:
                    return None
                self._context.crash("sender_after_readback")
                answer = await self._timed_call(permit, call)
                await self._record(answer, part)
                return answer

    async def _timed_call(self, permit: Permit, call: Call) -> Answer:
        metrics, platform = self._context.metrics, self._delivery.platform
        started = self._context.clock()
        answer = await self._remote.send(permit, call)
        metrics.call_seconds.labels(platform).observe(self._context.clock() - started)
        metrics.calls.labels(platform, type(answer).__name__.lower()).inc()
        if isinstance(answer, Taken):
            self._context.crash("sender_after_answer")
        return answer

    async def _record(self, answer: Answer, part: int) -> None:
        """Append the result at once. An unanswered attempt stays open: nothing is known that would close it."""
        match answer:
            case Taken():
                accepted = Accepted(
                    **self._names(part),
                    status=answer.status,
                    context_id=answer.context_id,
                    genesys_conversation_id=answer.genesys_conversation_id,
                    personal=RemoteIds(message=answer.message_id),
                )
                await self._partition.outcomes.append("delivery.accepted", accepted, self._place.fact.event)
                if accepted.finishes:
                    delay = (self._context.now() - self._place.fact.record.timestamp) / 1000
                    self._context.metrics.delay.labels(self._delivery.platform).observe(max(0.0, delay))
                    self._context.metrics.finished.labels(self._delivery.platform, "accepted").inc()
            case Refused() | NotSent():
                await self._record_failure(answer, part)
            case Unanswered():
                pass

    async def _record_failure(self, answer: Refused | NotSent, part: int) -> None:
        failed = Failed(
            **self._names(part),
            failure=Failure(code=answer.code, reason=answer.reason),
            status=answer.status if isinstance(answer, Refused) else 0,
            context_id=answer.context_id if isinstance(answer, Refused) else None,
        )
        await self._partition.outcomes.append("delivery.failed", failed, self._place.fact.event)

    async def _after(self, answer: Refused | NotSent | Unanswered, permit: Permit | None, part: int) -> bool:
        """Do what the policy says; False when the delivery is given up."""
        if permit is None and not isinstance(answer, Unanswered):
            await self._record_failure(answer, part)
        if isinstance(answer, Unanswered) and await self._unknown():
            return False
        if permit is not None and isinstance(answer, Refused) and answer.status == 401:
            self._remote.refused_token(permit)
        self._tries += 1
        self._codes[answer.code] += 1
        decision = decide(self._delivery.platform, answer, self._tries, self._codes[answer.code], self._context.draw)
        match self._within_budget(decision, answer):
            case DeadLetter(reason):
                await self._give_up("delivery.dead_lettered", Failure(code=answer.code, reason=reason), part)
                return False
            case Remint():
                pass
            case Retry(after, _, freezes_client):
                if freezes_client and permit is not None:
                    permit.bucket.freeze(self._context.clock(), after)
                await self._pause(after)
        return True

    def _within_budget(self, decision: Decision, answer: Refused | NotSent | Unanswered) -> Decision:
        if isinstance(decision, Retry) and decision.counts:
            self._spent += 1
            if self._spent >= self._context.settings.delivery_attempts:
                return DeadLetter(f"gave up after {self._tries} tries: {answer.reason}")
        return decision

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._check()

    async def _give_up(self, ending: Ending, failure: Failure, part: int = 1) -> None:
        await give_up(self._partition, self._place, ending, failure, part, self._attempt)

    def _too_old(self) -> bool:
        age = self._context.now() - milliseconds_of_time(self._delivery.time)
        return age > 1000 * _max_age(self._context.settings, self._delivery.kind)

    def _check(self) -> None:
        if self._partition.is_closed() or self._partition.draining:
            raise _Lost

    def _names(self, part: int) -> dict[str, Any]:
        return {
            "delivery": self._delivery.id,
            "offset": self._place.offset,
            "platform": self._delivery.platform,
            "term": self._partition.term,
            "part": part,
            "parts": len(self._delivery.calls),
            "attempt": self._attempt,
        }


def _max_age(settings: Settings, kind: str) -> float:
    ages = {"message": settings.message_max_age, "receipt": settings.receipt_max_age, "typing": settings.typing_max_age}
    try:
        return ages[kind]
    except KeyError:
        raise RelaylogError(f"no maximum age for deliveries of kind {kind!r}") from None
