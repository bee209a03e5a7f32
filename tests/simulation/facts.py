"""The simulated gateway: facts in order, of many threads mixed, with copies that come soon, late, and very late."""

from __future__ import annotations

import asyncio
from random import Random

from schemas.envelope import Envelope, encode, envelope, milliseconds_of_time, time_of_milliseconds
from schemas.events import Content, MessageData, MessagePersonal, StatusData, StatusPersonal
from schemas.ids import event_id, genesys_message_id
from schemas.tenant import Tenant
from schemas.whatsapp.callback import CallbackData
from tests.simulation.log import SimulatedLog

#: A text is split once a line is longer than WhatsApp takes: each line is a part.
LINE = "x" * 4000
REPLIED = 0.4
LONG_REPLY = 0.35


class SimulatedGateway:
    """Appends what customers and agents say, and what WhatsApp tells of the latter."""

    def __init__(self, random: Random, log: SimulatedLog, copies: float, window: float) -> None:
        #: `time` of each copy that came later than the window, in milliseconds.
        self.late_copies: set[int] = set()
        self._random = random
        self._log = log
        self.copies = copies
        self._window = window
        #: Facts that are still to come.
        self.due = 0
        self._said = 0

    async def talk(self, tenants: list[Tenant], threads: int, messages: int, seconds: float) -> None:
        """Every thread says its messages in order, all mixed, over about that many seconds; agents answer some."""
        turns = [(t, f"{t.id}-thread-{n}".ljust(22, "_")) for t in tenants for n in range(threads)] * messages
        self._random.shuffle(turns)
        for tenant, thread in turns:
            await asyncio.sleep(self._random.expovariate(len(turns) / seconds))
            await self._log.until_back()
            self._say(tenant, self.received(tenant, thread))
            if self._random.random() < REPLIED:
                self._say(tenant, self.composed(tenant, thread, self._parts()))

    def received(self, tenant: Tenant, thread: str) -> Envelope:
        """What a customer says: a fact that Genesys shall hear."""
        self._said += 1
        content = Content(kind="text", text=str(self._said))
        personal = MessagePersonal(customer=thread, content=content)
        data = MessageData(
            channel=_channel(tenant), customer=thread, direction="inbound", kind="text", personal=personal
        )
        return self._fact(event_id(tenant.id, "simulation", str(self._said)), "message.received", tenant, thread, data)

    def composed(self, tenant: Tenant, thread: str, parts: int = 1) -> Envelope:
        """What an agent says: a fact that goes to WhatsApp in so many parts."""
        self._said += 1
        content = Content(kind="text", text="\n".join([LINE] * parts) if parts > 1 else str(self._said))
        data = MessageData(
            channel=_channel(tenant),
            customer=thread,
            direction="outbound",
            kind="text",
            personal=MessagePersonal(customer=thread, content=content),
            genesys_id=f"agent-{self._said}",
        )
        id_ = genesys_message_id(tenant.id, f"agent-{self._said}")
        return self._fact(id_, "message.composed", tenant, thread, data)

    def status_soon(self, seconds: float, tenant: Tenant, sent: CallbackData, wamid: str, status: str) -> None:
        """WhatsApp will tell what became of a message."""
        self.due += 1
        asyncio.get_running_loop().call_later(seconds, self._status, tenant, sent, wamid, status)

    def _status(self, tenant: Tenant, sent: CallbackData, wamid: str, status: str) -> None:
        self.due -= 1
        if self._log.away:
            self.status_soon(0.5, tenant, sent, wamid, status)
            return
        data = StatusData(
            channel=_channel(tenant),
            message=sent.delivery,
            customer=sent.subject,
            part=sent.part,
            parts=sent.parts,
            genesys_id=sent.genesys_id,
            personal=StatusPersonal(whatsapp_id=wamid, customer=sent.subject),
        )
        id_ = event_id(tenant.id, "whatsapp", "status", wamid, status)
        self._say(tenant, self._fact(id_, f"status.{status}", tenant, sent.subject, data, sent.delivery))

    def append(self, tenant: Tenant, event: Envelope) -> None:
        """Append a fact."""
        headers = [("type", event.type.encode()), ("id", event.id.encode())]
        self._log.append("events", tenant.partition, encode(event), tenant.id.encode(), headers)

    def _fact(
        self,
        id_: str,
        type_: str,
        tenant: Tenant,
        thread: str,
        data: MessageData | StatusData,
        cause: str | None = None,
    ) -> Envelope:
        moment = time_of_milliseconds(self._log.now_ms())
        return envelope(
            id=id_,
            type=type_,
            source="simulation",
            time=moment,
            recordedtime=moment,
            tenantid=tenant.id,
            subject=thread,
            causationid=cause,
            data=data,
        )

    def _parts(self) -> int:
        return self._random.randint(2, 3) if self._random.random() < LONG_REPLY else 1

    def _say(self, tenant: Tenant, event: Envelope) -> None:
        self.append(tenant, event)
        if self._random.random() < self.copies:
            delay = self._random.choice((0.0, 0.5, self._window * 0.8, self._window * 2.5)) * self._random.random()
            first = len(self._log.records["events", tenant.partition]) - 1
            self.due += 1
            asyncio.get_running_loop().call_later(delay, self._again, tenant, event, first)

    def _again(self, tenant: Tenant, event: Envelope, first: int) -> None:
        if self._log.away:
            asyncio.get_running_loop().call_later(0.5, self._again, tenant, event, first)
            return
        self.due -= 1
        # What retention took cannot be recognised any more: it keeps facts for longer than copies come.
        if self._log.starts["events", tenant.partition] <= first:
            self.append(tenant, event)
            happened = milliseconds_of_time(event.time)
            if self._log.now_ms() - happened > 1000 * self._window:
                self.late_copies.add(happened)


def _channel(tenant: Tenant) -> str:
    return tenant.channels[0].phone_number_id
