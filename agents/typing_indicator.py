"""Shows an agent's typing on WhatsApp: at most the last one of a thread, and only while it is news.

A typing indicator is worth nothing later, so it leaves no record in ``outcomes``, is never repeated, and never makes a
message wait: whatever comes to stand behind it in its lane overtakes it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from agents.ageing import is_too_old
from agents.answers import Answer, Refused, Taken
from agents.policy import Cause, cause_of
from agents.remotes import NotReady, Permit

if TYPE_CHECKING:
    from agents.destination import Destination, Place
    from agents.partition import PartitionSender

Result = Literal["shown", "refused", "late", "overtaken", "away"]

#: Seconds between two looks at whether it is still worth a permit.
PACE = 0.1


class Typing:
    """One typing indicator at the head of its lane."""

    def __init__(self, partition: PartitionSender, destination: Destination, place: Place) -> None:
        self._partition = partition
        self._context = partition.context
        self._destination = destination
        self._place = place
        self._delivery = place.delivery
        self._remote = self._context.remotes[place.delivery.platform]

    async def deliver(self) -> bool:
        """True when it has ended, shown or dropped; False when the partition is lost."""
        assert self._destination.key is not None
        try:
            result = await self._result()
        except NotReady:
            result = "away"
        self._context.metrics.typing.labels(result).inc()
        self._partition.finished(self._destination.key, self._place.offset)
        return not self._lost()

    async def _result(self) -> Result:
        if (vain := self._in_vain()) is not None:
            return vain
        permit = await self._permit()
        if permit is None:
            return self._in_vain() or "away"
        try:
            async with self._context.in_flight.slot(self._destination.standing):
                return self._in_vain() or await self._send(permit)
        finally:
            permit.bucket.done()

    def _in_vain(self) -> Result | None:
        """Why it is not worth a call any more."""
        key = self._destination.key
        if self._lost() or self._destination.circuit.is_open or key is None or self._partition.obstacle(key):
            return "away"
        if is_too_old(self._context, self._delivery):
            return "late"
        return "overtaken" if len(self._destination.lanes[self._delivery.lane]) > 1 else None

    def _lost(self) -> bool:
        return self._partition.is_closed() or self._partition.draining

    async def _permit(self) -> Permit | None:
        """A permit of the lowest rank; None once it would come in vain."""
        tenant = self._context.tenants.by_id(self._delivery.tenant)
        channel = tenant.channel(self._delivery.channel) if tenant else None
        if tenant is None or channel is None:
            return None
        asking = asyncio.ensure_future(self._remote.permit(tenant, channel, self._delivery.kind))
        try:
            while not asking.done() and self._in_vain() is None:
                await asyncio.wait({asking}, timeout=PACE)
            return asking.result() if asking.done() else None
        finally:
            asking.cancel()

    async def _send(self, permit: Permit) -> Result:
        metrics, platform, standing = self._context.metrics, self._delivery.platform, self._destination.standing
        started = self._context.clock()
        with standing.call():
            answer: Answer = await self._remote.send(permit, self._delivery.calls[0])
        standing.ended(answered=isinstance(answer, Taken | Refused))
        metrics.of(platform).ended(answer, self._context.clock() - started)
        if isinstance(answer, Taken):
            return "shown"
        if isinstance(answer, Refused):
            metrics.refusals.labels(platform, cause_of(platform, answer).value).inc()
        if isinstance(answer, Refused) and cause_of(platform, answer) is Cause.RATE:
            permit.bucket.freeze(self._context.clock(), answer.retry_after or 1.0)
        return "refused"
