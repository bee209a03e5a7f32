"""Runs whose course a test sets itself: one process, the default places, and no fault but those that the test makes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from schemas.envelope import Envelope, envelope, time_of_milliseconds
from schemas.events import StatusData, StatusPersonal
from schemas.ids import event_id
from schemas.tenant import Tenant
from tests.simulation.clock import run_virtually
from tests.simulation.scenario import Scenario

Outcome = TypeVar("Outcome")


class Stage(Scenario):
    """A scenario of one tenant that never changes its mind, with one process that has taken over."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(seed=7)
        world = self.world
        world.gateway.copies = 0.0
        calm = {"places": 64, "finished_places": 1024, "message_max_age": 1e6, "receipt_max_age": 1e6}
        world.settings = world.settings.model_copy(update={**calm, **settings})
        self._shown = 0
        self.tenant: Tenant = next(iter(world.by_name.values()))
        world.by_name.clear()
        self.tenant = self.add_tenant(self.tenant.id, self.tenant.genesys.clients[0].calls_per_minute)

    def add_tenant(self, name: str, calls_per_minute: int) -> Tenant:
        """One more tenant of the partition, with a budget of its own."""
        genesys = self.tenant.genesys
        client = genesys.clients[0].model_copy(update={"client_id": name, "calls_per_minute": calls_per_minute})
        changes = {"id": name, "outage_notice": None, "genesys": genesys.model_copy(update={"clients": (client,)})}
        tenant = self.tenant.model_copy(update=changes)
        self.world.by_name[name] = tenant
        self.world.genesys.register(tenant, client, calls_per_minute)
        return tenant

    def use_clients(self, *calls_per_minute: int) -> None:
        """Give the tenant as many OAuth clients, each with a budget of its own."""
        genesys = self.tenant.genesys
        clients = tuple(
            genesys.clients[0].model_copy(update={"client_id": f"client-{number}", "calls_per_minute": allowed})
            for number, allowed in enumerate(calls_per_minute)
        )
        self.tenant = self.tenant.model_copy(update={"genesys": genesys.model_copy(update={"clients": clients})})
        self.world.by_name[self.tenant.id] = self.tenant
        for client in clients:
            self.world.genesys.register(self.tenant, client, client.calls_per_minute)

    def use_throughput(self, messages_per_second: int) -> None:
        """Say in the tenant's record what its number may send."""
        (channel,) = self.tenant.channels
        channel = channel.model_copy(update={"messages_per_second": messages_per_second})
        self.tenant = self.tenant.model_copy(update={"channels": (channel,)})
        self.world.by_name[self.tenant.id] = self.tenant

    def play(self, course: Callable[[], Coroutine[Any, Any, Outcome]]) -> Outcome:
        """Run ``course`` on the virtual clock, once the process has taken over."""

        async def run() -> Outcome:
            self.before()
            self.world.start()
            await asyncio.sleep(5.0)
            return await course()

        return run_virtually(run())

    def before(self) -> None:
        """What is in the log before the process starts."""

    def say(self, thread: str, tenant: Tenant | None = None) -> Envelope:
        """A customer's message in a thread, appended now."""
        tenant = tenant or self.tenant
        event = self.world.gateway.received(tenant, thread)
        self.world.gateway.append(tenant, event)
        return event

    def reply(self, thread: str) -> Envelope:
        """An agent's message in a thread, appended now; WhatsApp is its destination."""
        event = self.world.gateway.composed(self.tenant, whatsapp_name(thread))
        self.world.gateway.append(self.tenant, event)
        return event

    def show(self, thread: str) -> Envelope:
        """WhatsApp's word that the customer of a thread was shown an agent's message, which demands a receipt."""
        self._shown += 1
        moment = time_of_milliseconds(self.world.log.now_ms())
        message = event_id(self.tenant.id, "simulation", "shown", str(self._shown))
        data = StatusData(
            channel=self.tenant.channels[0].phone_number_id,
            message=message,
            customer=thread,
            genesys_id=f"shown-{self._shown}",
            personal=StatusPersonal(customer=thread),
        )
        event = envelope(
            id=event_id(self.tenant.id, "simulation", "status", message),
            type="status.delivered",
            source="simulation",
            time=moment,
            recordedtime=moment,
            tenantid=self.tenant.id,
            subject=thread,
            causationid=message,
            data=data,
        )
        self.world.gateway.append(self.tenant, event)
        return event


def whatsapp_name(thread: str) -> str:
    """A thread's name as callback data can carry it."""
    return thread.replace(" ", "-").ljust(22, "_")
