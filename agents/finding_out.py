"""What became of a call whose answer was lost: asked of WhatsApp's statuses, and of Genesys itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from agents.answers import Taken
from agents.attempt import Attempts
from agents.circuit import Verdict
from agents.conversations import Conversation
from agents.look_up import Found, NotThere, Unsure
from agents.policy import backoff
from agents.remotes import NotReady
from schemas.tenant import Channel, Tenant

if TYPE_CHECKING:
    from agents.destination import Destination, Place
    from agents.partition import PartitionSender

#: "Not there" counts when it was said twice, this many seconds apart: a platform may still be working on a call whose
#: connection is gone.
SETTLE = 2.0
#: So many look-ups may be refused, or fail in Genesys, before the answer counts as not to be had. Those that found
#: nobody there do not count: sending would find nobody either.
FAILURES = 4


class Inquiry:
    """Finds out about the calls of one delivery."""

    def __init__(self, partition: PartitionSender, destination: Destination, place: Place, attempts: Attempts) -> None:
        self._partition = partition
        self._context = partition.context
        self._destination = destination
        self._delivery = place.delivery
        self._offset = place.offset
        self._attempts = attempts
        self._remote = self._context.remotes[place.delivery.platform]

    async def ask(self, part: int) -> Taken | NotThere | None:
        """How the part's last call ended; None when nobody can tell. Raises Lost."""
        if self._delivery.platform == "whatsapp":
            whatsapp_id = await self._partition.sightings.find((self._delivery.id, part))
            return Taken(200, whatsapp_id) if whatsapp_id is not None else None
        conversation = self._conversation()
        if conversation is None or self._delivery.kind != "message":
            return None
        return await self._ask_genesys(part, conversation)

    def _conversation(self) -> Conversation | None:
        """As known when the attempt was made; else the thread's, in which any message may have come after the call.

        What was heard since tells nothing: a former owner's call may have taken effect after this one.
        """
        if self._attempts.conversation is not None:
            return self._attempts.conversation
        attempt = self._partition.ledger.open.get(self._offset)
        if attempt is not None and attempt.genesys_conversation_id is not None:
            return Conversation(attempt.genesys_conversation_id, attempt.genesys_last_message_id)
        known = self._partition.conversations.of(self._delivery.tenant, self._delivery.lane)
        return Conversation(known.id, None) if known else None

    async def _ask_genesys(self, part: int, conversation: Conversation) -> Taken | NotThere | None:
        absences = failures = tries = 0
        while True:
            found = await self._look_up(part, conversation)
            tries += 1
            match found:
                case Taken():
                    return found
                case NotThere():
                    absences += 1
                    if absences == 2:
                        return found
                    await asyncio.sleep(SETTLE)
                case Unsure():
                    failures += not found.concerns_destination
                    if not found.again or failures >= FAILURES:
                        return None
                    await asyncio.sleep(backoff(tries, self._context.draw))
            if not self._attempts.is_pending():
                return None

    async def _look_up(self, part: int, conversation: Conversation) -> Found:
        lane, circuit = self._delivery.lane, self._destination.circuit
        await self._partition.clearance(self._destination, lane)
        self._attempts.check()
        tenant = self._context.tenants.by_id(self._delivery.tenant)
        channel = tenant.channel(self._delivery.channel) if tenant else None
        found: Found = Unsure(f"channel {self._delivery.channel} is not configured", again=False)
        try:
            if tenant is not None and channel is not None:
                found = await self._read(tenant, channel, part, conversation)
        finally:
            circuit.abandon(lane)
        # An answer says that Genesys can be reached, not that it takes messages: that is left to the next send.
        if isinstance(found, Unsure) and found.concerns_destination:
            self._partition.judge(self._destination, lane, found.verdict)
        return found

    async def _read(self, tenant: Tenant, channel: Channel, part: int, conversation: Conversation) -> Found:
        try:
            return await self._remote.look_up(tenant, channel, self._delivery.calls[part - 1], conversation)
        except NotReady as not_ready:
            verdict = not_ready.verdict if self._context.is_current(tenant) else Verdict.NOTHING
            return Unsure(not_ready.answer.reason, again=True, verdict=verdict)
