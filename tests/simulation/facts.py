"""The simulated gateway: facts of many threads in order, with copies that come soon, late, and very late."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from random import Random

from schemas.delivery import Call, Delivery
from schemas.envelope import Envelope, decode_data, encode, envelope, time_of_milliseconds
from schemas.events import Content, MessageData, MessagePersonal
from schemas.ids import event_id
from schemas.tenant import Tenant
from tests.simulation.log import SimulatedLog


@dataclass(frozen=True, slots=True)
class Said:
    """One message of one thread."""

    tenant: Tenant
    thread: str
    number: int
    parts: int

    @property
    def id(self) -> str:
        return event_id(self.tenant.id, "simulation", self.thread, str(self.number))


def fact(said: Said, log: SimulatedLog, time: str) -> Envelope:
    content = Content(kind="text", text=str(said.parts))
    data = MessageData(
        channel="1055",
        customer=said.thread,
        direction="inbound",
        kind="text",
        personal=MessagePersonal(customer=said.thread, content=content),
    )
    return envelope(
        id=said.id,
        type="message.received",
        source="simulation",
        time=time,
        recordedtime=time_of_milliseconds(log.now_ms()),
        tenantid=said.tenant.id,
        subject=said.thread,
        data=data,
    )


def plan(event: Envelope, tenant: Tenant) -> Delivery | None:
    """As many calls as the fact says; nothing for what the sender itself appends."""
    if event.type != "message.received":
        return None
    parts = int(decode_data(event, MessageData).personal.content.text)
    calls = tuple(
        Call("/", {"delivery": event.id, "thread": event.subject, "part": part}) for part in range(1, parts + 1)
    )
    assert event.subject is not None
    return Delivery(event.id, tenant.id, "genesys", "message", event.subject, "1055", event.time, calls)


class SimulatedGateway:
    """Appends what customers say."""

    def __init__(self, random: Random, log: SimulatedLog, copies: float, window: float) -> None:
        self.said: list[Said] = []
        self._random = random
        self._log = log
        self._copies = copies
        self._window = window
        self._pending: list[asyncio.Task[None]] = []

    async def talk(self, tenants: list[Tenant], threads: int, messages: int, seconds: float) -> None:
        """Every thread says its messages in order, all mixed, over about that many seconds."""
        turns = [(t, f"{t.id}/{n}") for t in tenants for n in range(threads) for _ in range(messages)]
        self._random.shuffle(turns)
        numbers: dict[str, int] = {}
        for tenant, thread in turns:
            await asyncio.sleep(self._random.expovariate(len(turns) / seconds))
            number = numbers[thread] = numbers.get(thread, -1) + 1
            parts = self._random.choice((1, 1, 1, 1, 2, 3))
            self._say(Said(tenant, thread, number, parts))
        if self._pending:
            await asyncio.wait(self._pending)

    def _say(self, said: Said) -> None:
        self.said.append(said)
        event = fact(said, self._log, time_of_milliseconds(self._log.now_ms()))
        self._append(said, event)
        if self._random.random() < self._copies:
            delay = self._random.choice((0.0, 0.5, self._window * 0.8, self._window * 2.5))
            self._pending.append(asyncio.create_task(self._again(said, event, delay * self._random.random())))

    async def _again(self, said: Said, event: Envelope, delay: float) -> None:
        await asyncio.sleep(delay)
        self._append(said, event)

    def _append(self, said: Said, event: Envelope) -> None:
        headers = [("type", event.type.encode()), ("id", event.id.encode())]
        self._log.append("events", said.tenant.partition, encode(event), said.tenant.id.encode(), headers)
