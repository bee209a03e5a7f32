"""A lane: the deliveries of one thread to one platform, one after the other, one call in flight."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from typing import TYPE_CHECKING

from agents.ageing import is_too_old
from agents.answers import Answer, NotSent, Refused, Taken, Unanswered
from agents.attempt import Attempts, Lost
from agents.circuit import Verdict
from agents.finding_out import Inquiry
from agents.giving_up import Ending, give_up
from agents.look_up import NotThere
from agents.policy import Cause, DeadLetter, Decision, Failed, Remint, Retry, Scope, cause_of, decide, verdict
from agents.remotes import NotReady, Permit
from agents.typing_indicator import Typing
from schemas.delivery import Call
from schemas.events import Failure
from schemas.tenant import Channel, Tenant
from streams.log import LogUnavailable

if TYPE_CHECKING:
    from agents.destination import Destination, Place
    from agents.partition import PartitionSender

log = logging.getLogger(__name__)

#: Beyond the call timeout, how long a former owner's result may still be on its way.
RESULT_GRACE = 2.0


async def run_lane(partition: PartitionSender, destination: Destination, name: str) -> None:
    """Deliver what the lane holds until it is empty or the partition is lost; the rest then stays in the log."""
    lane = destination.lanes[name]
    while lane:
        place = lane[0]
        head = Typing if place.delivery.kind == "typing" else LaneHead
        if not await head(partition, destination, place).deliver():
            return
        lane.popleft()
        partition.readmit(destination, name)
    del destination.lanes[name]


class LaneHead:
    """One delivery at the head of its lane."""

    def __init__(self, partition: PartitionSender, destination: Destination, place: Place) -> None:
        self._partition = partition
        self._context = partition.context
        self._settings = self._context.settings
        self._destination = destination
        self._place = place
        self._delivery = place.delivery
        self._thread = self._delivery.tenant, self._delivery.lane
        self._planned_by, self._calls = place.tenant, place.delivery.calls
        #: The part's call once all that must precede it was done.
        self._staged: Call | None = None
        self._remote = self._context.remotes[place.delivery.platform]
        self._metrics = self._context.metrics.of(place.delivery.platform)
        self._attempts = Attempts(partition, destination, place)
        #: Parts known as taken before the log has shown it.
        self._done = 0
        self._tries = 0
        #: Tries that used up the delivery's budget.
        self._spent = 0
        self._seen: defaultdict[Cause, int] = defaultdict(int)
        #: The platform's own id of its last answer.
        self._context_id: str | None = None
        self._others = destination.fortune.of(place.delivery.channel)

    async def deliver(self) -> bool:
        """True when the delivery has ended, False when the partition is lost."""
        try:
            if await self._is_late_copy():
                self._context.metrics.copies.inc()
                self._end_silently()
            elif self._attempts.is_pending() and not await self._settle_ambiguous():
                await self._send_parts()
        except Lost:
            return False
        return True

    async def _is_late_copy(self) -> bool:
        window_ms = round(self._settings.duplicate_window * 1000)
        if not self._place.fact.appended_late(window_ms) or self._partition.sweep is None:
            return False
        self._context.metrics.late_copies.inc()
        return await self._partition.sweep.late_copies.is_copy(self._place.fact)

    def _end_silently(self) -> None:
        assert self._destination.key is not None
        self._partition.finished(self._destination.key, self._place.offset)

    async def _settle_ambiguous(self) -> bool:
        """After a takeover: wait for the former owner's result, else find out. True when the delivery has ended."""
        attempt = self._partition.ledger.open.get(self._place.offset)
        if attempt is None:
            return False
        self._attempts.number = attempt.attempt
        deadline = self._partition.ready_at + self._settings.call_timeout + RESULT_GRACE
        while self._place.offset in self._partition.ledger.open and (left := deadline - self._context.clock()) > 0:
            self._attempts.check()
            await asyncio.sleep(min(left, 0.1))
        if not self._attempts.is_pending():
            return True
        if self._place.offset not in self._partition.ledger.open:
            return False
        # A former owner that is stopped may yet make its call: that it is not there now proves nothing.
        taken = await self._find_out(attempt.part, absence_counts=False)
        if taken:
            self._done = attempt.part
            self._keep_order_after(attempt.part)
            return self._done == len(self._delivery.calls)
        return taken is not None

    async def _find_out(self, part: int, absence_counts: bool) -> bool | None:
        """What became of an unanswered call. True: the part was taken; False: the delivery has ended; None: send it."""
        found = await Inquiry(self._partition, self._destination, self._place, self._attempts).ask(part)
        self._attempts.check()
        if not self._attempts.is_pending():
            return False
        if isinstance(found, Taken):
            self._context.metrics.ambiguous.labels(self._delivery.platform, "found").inc()
            await self._attempts.record_acceptance(found, part)
            return True
        if isinstance(found, NotThere) and absence_counts:
            self._context.metrics.ambiguous.labels(self._delivery.platform, "not_there").inc()
            return None
        return False if await self._unknown(part) else None

    async def _unknown(self, part: int) -> bool:
        """The answer to an attempt stays unknown. True when the tenant wants such a delivery held for a person."""
        tenant = self._context.tenants.by_id(self._delivery.tenant)
        hold = tenant is not None and tenant.on_ambiguous == "hold"
        self._context.metrics.ambiguous.labels(self._delivery.platform, "hold" if hold else "resend").inc()
        if hold:
            lost = Failure(code="ambiguous", reason="the answer to a call was lost")
            await self._give_up("delivery.dead_lettered", lost, part)
        return hold

    async def _send_parts(self) -> None:
        done = max(self._done, self._attempts.parts_taken(), self._delivery.taken)
        for part in range(done + 1, len(self._delivery.calls) + 1):
            await self._until_its_turn()
            if not await self._send_part(part):
                return
            self._keep_order_after(part)

    def _needs_order(self) -> bool:
        """WhatsApp does not keep the order of what it accepted (whatsapp.md section 4): each waits for its former."""
        return self._delivery.platform == "whatsapp" and self._delivery.kind == "message"

    async def _until_its_turn(self) -> None:
        if self._needs_order():
            result = await self._partition.sightings.until_former_is_shown(self._thread)
            if result is not None:
                self._context.metrics.order_waits.labels(result).inc()

    def _keep_order_after(self, part: int) -> None:
        if self._needs_order():
            self._partition.sightings.sent(self._thread, (self._delivery.id, part), self._settings.order_wait)

    async def _send_part(self, part: int) -> bool:
        """Try until the platform has taken the part (True) or the delivery is given up (False)."""
        self._staged = None
        while True:
            await self._partition.clearance(self._destination, self._delivery.lane)
            try:
                if not await self._is_due(part):
                    return False
                if self._attempts.is_taken(part):
                    return True
                self._attempts.number += 1
                answer, permit = await self._try(part)
            finally:
                # Whoever was let through as a probe and did not call gives that up, else nobody else ever probes.
                self._destination.circuit.abandon(self._delivery.lane)
            if isinstance(answer, Taken):
                self._others.got_through()
                return True
            if answer is not None and (ended := await self._after(answer, permit, part)) is not None:
                return ended

    async def _is_due(self, part: int) -> bool:
        """False when the delivery has ended meanwhile, or is too old and ends here. Raises Lost."""
        self._attempts.check()
        if self._attempts.is_pending() and is_too_old(self._context, self._delivery):
            await self._give_up("delivery.expired", Failure(code="expired", reason="too old to be sent"), part)
            return False
        return self._attempts.is_pending()

    async def _try(self, part: int) -> tuple[Answer | None, Permit | None]:
        """Prepare and make one attempt; what it says about the destination goes to the circuit."""
        permit: Permit | None = None
        answer: Answer | None = None
        tenant: Tenant | None = None
        lane = self._delivery.lane
        try:
            tenant, channel = self._configuration()
            self._staged = self._staged or await self._remote.stage(tenant, channel, self._calls[part - 1])
            asked = self._context.clock()
            permit = await self._remote.permit(tenant, channel, self._delivery.kind)
            self._metrics.permitted(self._delivery.kind, self._context.clock() - asked)
            self._attempts.check()
            if is_too_old(self._context, self._delivery):
                return None, permit
            answer = await self._attempts.make(permit, part, self._staged)
            if answer is not None:
                self._partition.judge(self._destination, lane, self._verdict(answer))
        except NotReady as not_ready:
            if tenant is not None and not self._context.is_current(tenant):
                return None, None
            answer = not_ready.answer
            self._partition.judge(self._destination, lane, not_ready.verdict)
            self._attempts.count_refusal(not_ready.answer)
            await self._attempts.record_failure(not_ready.answer, part)
        except (Lost, LogUnavailable):
            raise
        except Exception as error:
            # What our own code trips over in one delivery must not end the sender of many tenants, and then the next.
            where = {"partition": self._partition.number, "offset": self._place.offset}
            log.exception("an attempt failed unexpectedly", extra=where)
            self._context.metrics.unexpected.labels(self._delivery.platform).inc()
            if permit is not None:
                answer = Unanswered("internal", type(error).__name__)
            else:
                answer = NotSent("internal", type(error).__name__)
                await self._attempts.record_failure(answer, part)
        finally:
            if permit is not None:
                permit.bucket.done()
        return answer, permit

    def _configuration(self) -> tuple[Tenant, Channel]:
        """The tenant's record of now, by which the calls are planned anew when it changed. Raises NotReady."""
        tenant = self._context.tenants.by_id(self._delivery.tenant)
        channel = tenant.channel(self._delivery.channel) if tenant else None
        if tenant is None or channel is None:
            raise NotReady(NotSent("configuration", f"channel {self._delivery.channel} is not configured"))
        if tenant is not self._planned_by:
            self._planned_by, self._staged = tenant, None
            self._calls = self._partition.planned_anew(self._place, tenant)
        return tenant, channel

    def _verdict(self, answer: Answer) -> Verdict:
        platform = self._delivery.platform
        seen = 0 if isinstance(answer, Taken) else self._seen[cause_of(platform, answer)]
        return verdict(platform, answer, seen + 1)

    async def _after(self, answer: Failed, permit: Permit | None, part: int) -> bool | None:
        """Do what the policy says. True: the part was taken after all; False: given up; None: try again."""
        if isinstance(answer, Unanswered):
            if (known := await self._find_out(part, absence_counts=True)) is not None:
                return known
        elif permit is not None and isinstance(answer, Refused) and answer.status == 401:
            self._remote.refused_token(permit)
        self._tries += 1
        self._context_id = answer.context_id if isinstance(answer, Refused) else None
        cause = cause_of(self._delivery.platform, answer)
        self._seen[cause] += 1
        decision = decide(cause, answer, self._tries, self._seen[cause], self._context.draw)
        match self._within_budget(decision, answer):
            case DeadLetter(reason):
                await self._give_up("delivery.dead_lettered", Failure(code=answer.code, reason=reason), part)
                return False
            case Remint():
                pass
            case Retry(after, scope):
                if scope is Scope.CLIENT and permit is not None:
                    permit.bucket.freeze(self._context.clock(), after)
                await self._destination.circuit.pause(after)
        return None

    def _within_budget(self, decision: Decision, answer: Failed) -> Decision:
        """While the circuit is open, or others fail as well, the fault is the platform's, not the delivery's."""
        if not isinstance(decision, Retry):
            return decision
        own_fault = decision.scope is Scope.DELIVERY
        if decision.scope is Scope.DESTINATION:
            own_fault = self._others.got_through_but_this()
        if own_fault and not self._destination.circuit.is_open:
            self._spent += 1
            if self._spent >= self._settings.delivery_attempts:
                return DeadLetter(f"gave up after {self._tries} tries: {answer.reason}")
        return decision

    async def _give_up(self, ending: Ending, failure: Failure, part: int) -> None:
        attempts, context_id = self._attempts.number, self._context_id
        await give_up(
            self._partition, self._place, ending, failure, part=part, attempts=attempts, context_id=context_id
        )
