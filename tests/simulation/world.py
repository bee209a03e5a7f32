"""The world of one seed: log, group, platforms, gateway and operator, and the processes that send."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from functools import partial
from random import Random
from typing import Any, cast

import aiohttp
from prometheus_client import CollectorRegistry

from agents.context import SenderContext
from agents.metrics import SenderMetrics
from agents.rates import RateTable
from agents.remotes import remotes
from agents.sender import Sender
from agents.slots import Slots
from agents.turns import Turns
from schemas.delivery import Delivery, Recent
from schemas.envelope import Envelope
from schemas.planning import plan
from schemas.tenant import Tenant
from streams.log import LogUnavailable, OffsetGone, Record
from streams.settings import Settings
from tests.simulation.books import Books, Stop
from tests.simulation.facts import SimulatedGateway
from tests.simulation.genesys import SimulatedGenesys
from tests.simulation.group import Member, SimulatedGroup
from tests.simulation.log import SimulatedLog, SimulatedReader, SimulatedWriter
from tests.simulation.network import Platform, SimulatedSession
from tests.simulation.operator import SimulatedOperator
from tests.simulation.process import Killed, Process
from tests.simulation.setting import (
    CALL_TIMEOUT,
    CALLS_IN_FLIGHT,
    PARTITIONS,
    SESSION,
    WINDOW,
    allowance,
    simulated_settings,
    simulated_tenants,
)
from tests.simulation.whatsapp import SimulatedWhatsApp

WRITE_BEHIND = 1.0
#: One for all seeds of a process: only differences count.
METRICS = SenderMetrics(CollectorRegistry())


class World:
    """Everything that is shared, and every process that was ever started."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random = Random(seed)
        self.reached: Counter[str] = Counter()
        self.errors: list[str] = []
        self.books = Books()
        self.settings: Settings = simulated_settings(random)
        self.by_name: dict[str, Tenant] = {tenant.id: tenant for tenant in simulated_tenants(random)}
        self.log = SimulatedLog(random)
        self.group = SimulatedGroup(random, self.log, PARTITIONS, SESSION)
        self.gateway = SimulatedGateway(random, self.log, copies=0.1, window=WINDOW)
        self.operator = SimulatedOperator(random, self.log, self.gateway, self.by_name, self.tenant_changed)
        self.genesys = SimulatedGenesys(random, self.log, self.books, CALL_TIMEOUT)
        self.whatsapp = SimulatedWhatsApp(random, self.log, self.books, self.gateway, CALL_TIMEOUT)
        for tenant in self.by_name.values():
            self.whatsapp.tenants[tenant.channels[0].phone_number_id] = tenant
            for client in tenant.genesys.clients:
                self.genesys.register(tenant, client, allowance(random, client))
        self.crash_at: dict[str, str] = {}
        self.stop_at: dict[str, str] = {}
        #: Every process that ever was, in the group or not.
        self.members: dict[str, Member] = {}
        self.readers: list[SimulatedReader] = []
        #: The rows of the rate table, as its changelog keeps them, and what each process has to write into it.
        self._rows: dict[str, dict[str, float]] = {}
        self._rates: list[tuple[Process, RateTable]] = []
        self._names = 0

    # -- what the sender asks of its directory

    @property
    def tenants(self) -> Sequence[Tenant]:
        return list(self.by_name.values())

    def by_id(self, tenant_id: str) -> Tenant | None:
        return self.by_name.get(tenant_id)

    def tenant_changed(self, tenant_id: str) -> None:
        """Every process that lives hears of the tenant's new record."""
        for member in self.group.members:
            if not member.process.dead:
                member.process.tell(partial(member.sender.tenants_changed, {tenant_id}))

    # -- processes

    def start(self) -> None:
        """Start a process, which joins the group."""
        self._names += 1
        name = f"p{self._names}"
        self.members[name] = self.group.join(Process(name), self._build)

    def kill(self, member: Member) -> None:
        """SIGKILL: nothing of it runs on, and the group learns of it when the session is over."""
        if member.process.dead:
            return
        member.process.kill()
        for partition in member.sender._partitions.values():
            for task in (*partition._tasks, *partition._lanes, *partition._errands):
                task.cancel()
        spawn(self.group.expire(member))
        self.reached["kill"] += 1
        self.start()

    def stop_and_wake(self, member: Member, at_least: float = 0.5) -> None:
        """SIGSTOP, and SIGCONT after a while; the woken one joins the group again."""
        member.process.stop()
        spawn(self._note_stop(member.process))
        spawn(self._away_for_a_while(member, "zombie woke", at_least))

    def cut_off(self, member: Member) -> None:
        """The process runs on, but neither it nor its heartbeats reach the broker; its appends land afterwards."""
        member.process.cut = True
        spawn(self._away_for_a_while(member, "cut off past its session", 0.5))

    async def _away_for_a_while(self, member: Member, name: str, at_least: float) -> None:
        spawn(self.group.expire(member))
        if len(self.group.members) < 2:
            self.start()
        await asyncio.sleep(self.random.uniform(at_least, 25.0))
        member.process.cut = False
        member.process.wake()
        self.reached[name] += member not in self.group.members
        await asyncio.sleep(self.random.uniform(0.1, 3.0))
        self.group.rejoin(member)

    async def _note_stop(self, process: Process) -> None:
        began = self.log.now_ms()
        with suppress(Killed):
            await process.gate()
            self.books.stops.append(Stop(process.name, began, self.log.now_ms()))

    def _build(self, process: Process) -> Sender:
        loop, random = asyncio.get_running_loop(), self.random
        writer = SimulatedWriter(self.log, process)

        async def keep(
            record: Record, tenant: str | None, reason: str, attempts: int, context_id: str | None, taken: int
        ) -> None:
            headers = [("origin", str(record.offset).encode()), ("taken", str(taken).encode())]
            await writer.append("dead-letters", record.partition, record.value, headers=headers)

        def reader(topic: str, partition: int) -> SimulatedReader:
            self.readers.append(SimulatedReader(self.log, process, topic, partition))
            return self.readers[-1]

        platforms: dict[str, Platform] = {"genesys": self.genesys.take, "whatsapp": self.whatsapp.take}
        session = cast(aiohttp.ClientSession, SimulatedSession(process, platforms, self.settings.call_timeout))
        rates = RateTable(loop.time, self._rows.get)
        context = SenderContext(
            settings=self.settings,
            sender=process.name,
            cluster="simulated",
            writer=writer,
            reader=reader,
            tenants=self,
            remotes=remotes(session, rates, loop.time, "http://whatsapp/v", 1024, METRICS),
            plan=_plan,
            dead_letter=keep,
            clock=loop.time,
            now=self.log.now_ms,
            draw=random.random,
            crash=lambda point: self._crash(process, point),
            fatal=lambda error: self._ended(process, error),
            in_flight=Slots(CALLS_IN_FLIGHT),
            turns=Turns(lambda: random.random() < 0.5),
            metrics=METRICS,
        )
        self._rates.append((process, rates))
        return Sender(context, rates)

    async def write_behind(self) -> None:
        """Keep the rate table, until cancelled."""
        while True:
            await asyncio.sleep(WRITE_BEHIND)
            for process, rates in self._rates:
                if process.reachable:
                    self._rows.update({name: row for _, name, row in rates.changes()})

    def _crash(self, process: Process, point: str) -> None:
        if self.stop_at.get(process.name) == point:
            del self.stop_at[process.name]
            self.reached[f"stopped at {point}"] += 1
            # Long enough for a successor to have found out what became of a call that is not made yet.
            self.stop_and_wake(self.members[process.name], at_least=12.0)
        if self.crash_at.get(process.name) == point:
            del self.crash_at[process.name]
            self.reached[point] += 1
            self.kill(self.members[process.name])

    def _ended(self, process: Process, error: BaseException) -> None:
        """The process ended itself, because of ``error``."""
        if process.dead:
            return
        if not isinstance(error, (LogUnavailable, OffsetGone)):
            self.errors.append(f"{process.name} failed: {error!r}")
        self.reached["ended itself"] += 1
        self.kill(self.members[process.name])


def _plan(fact: Envelope, tenant: Tenant, recent: Recent) -> Delivery | None:
    return plan(fact, tenant, lambda tenant_id, number, media: f"http://gateway/{media.id}", recent)


def spawn(work: Coroutine[Any, Any, None]) -> None:
    """Start what ends by itself and nobody waits for; an error of the simulation's own ends the run."""
    asyncio.get_running_loop().create_task(work).add_done_callback(_raise_again)


def _raise_again(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, Killed):
        raise error
