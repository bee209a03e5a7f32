"""The simulated operator: pauses and resumes tenants, and redrives what was given up."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from random import Random

from schemas.envelope import decode, time_of_milliseconds
from schemas.outcomes import Platform
from schemas.redriving import given_up, redriven
from schemas.tenant import PLATFORMS, Pause, Tenant
from tests.simulation.facts import SimulatedGateway
from tests.simulation.log import SimulatedLog


class SimulatedOperator:
    """Changes tenants' records and appends redrives, as the commands do (streams/pausing.py, streams/redriving.py)."""

    def __init__(
        self,
        random: Random,
        log: SimulatedLog,
        gateway: SimulatedGateway,
        tenants: dict[str, Tenant],
        changed: Callable[[str], None],
    ) -> None:
        self.reached: Counter[str] = Counter()
        self._random = random
        self._log = log
        self._gateway = gateway
        self._tenants = tenants
        #: Tells all processes that a tenant's record is another one.
        self._changed = changed
        #: How often each delivery was redriven.
        self._numbers: dict[str, int] = {}

    def pause(self) -> None:
        """Pause a tenant on one platform or both, and resume it after some seconds."""
        tenant = self._random.choice(list(self._tenants.values()))
        choices: list[tuple[Platform, ...]] = [PLATFORMS, ("genesys",), ("whatsapp",)]
        pause = Pause(platforms=self._random.choice(choices), reason="simulation", at=self._now(), by="simulation")
        self.register(tenant.with_pause(pause))
        asyncio.get_running_loop().call_later(self._random.uniform(1.0, 15.0), self.resume, tenant.id)
        self.reached["paused"] += 1

    def resume(self, tenant_id: str) -> None:
        """Resume a tenant, if it is paused."""
        tenant = self._tenants[tenant_id]
        if tenant.paused is not None:
            self.register(tenant.resumed("simulation", self._now(), "simulation"))

    def redrive(self, partition: int, share: float) -> None:
        """Redrive dead letters of a partition, in the order of their facts; the command may be given twice."""
        letters = []
        for record in self._log.records["dead-letters", partition]:
            origin = next(int(value) for name, value in record.headers if name == "origin")
            letter = given_up(decode(record.value), origin, int(record.header("taken") or 0))
            if self._numbers.get(letter.original.id, 0) <= letter.number and self._random.random() < share:
                letters.append(letter)
                self._numbers[letter.original.id] = letter.number + 1
        for letter in sorted(letters, key=lambda one: (one.offset, one.number)):
            number = letter.number + 1
            fact = redriven(letter, number=number, reason="simulation", by="simulation", at=self._now())
            tenant = self._tenants[fact.tenantid or ""]
            for _ in range(self._random.choice((1, 1, 2))):
                self._gateway.append(tenant, fact)
            self.reached["redriven"] += 1

    def register(self, tenant: Tenant) -> None:
        """Another record of a tenant, which all processes read."""
        self._tenants[tenant.id] = tenant
        self._changed(tenant.id)

    def _now(self) -> str:
        return time_of_milliseconds(self._log.now_ms())
