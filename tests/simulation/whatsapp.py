"""The simulated WhatsApp Cloud API: takes or refuses messages, and tells later what became of them."""

from __future__ import annotations

import asyncio
from random import Random

from schemas.tenant import Tenant
from schemas.whatsapp.callback import CallbackData, decode_callback
from tests.simulation.books import Arrival, Books
from tests.simulation.facts import SimulatedGateway
from tests.simulation.log import SimulatedLog
from tests.simulation.network import CALM, Answer, Exchange, Fate, Request, Weather

#: How many phones are off for a while.
OFFLINE = 0.1


class SimulatedWhatsApp:
    """Shared by all processes; knows no idempotency either."""

    def __init__(
        self, random: Random, log: SimulatedLog, books: Books, gateway: SimulatedGateway, timeout: float
    ) -> None:
        self.weather: dict[str, Weather] = {}
        #: By business number.
        self.tenants: dict[str, Tenant] = {}
        self._random = random
        self._log = log
        self._books = books
        self._gateway = gateway
        self._timeout = timeout
        self._ids = 0

    def take(self, request: Request, exchange: Exchange) -> None:
        """What happens to one request."""
        tenant = self.tenants[request.path.split("/")[2]]
        sent = decode_callback(request.body["biz_opaque_callback_data"])
        assert sent is not None
        log_end = len(self._log.records["outcomes", tenant.partition])
        fate = Fate(self._random, self.weather.get(tenant.id, CALM))
        self._books.calls += 1
        exchange.note(self._books, sent.delivery, sent.part, log_end)

        def arrived(fate: Fate) -> None:
            answer = self._arrived(tenant, request, sent, log_end, fate)
            if answer is None:
                exchange.lose()
            else:
                exchange.answer(self._random.uniform(0.001, 0.05), answer)

        fate.travels(exchange, self._timeout, arrived)

    def _arrived(self, tenant: Tenant, request: Request, sent: CallbackData, log_end: int, fate: Fate) -> Answer | None:
        random = self._random

        def note(accepted: bool) -> None:
            end = len(self._log.records["outcomes", tenant.partition])
            arrival = Arrival(
                asyncio.get_running_loop().time(),
                request.process.name,
                "whatsapp",
                sent.delivery,
                sent.part,
                accepted,
                log_end,
                end,
            )
            self._books.arrivals.append(arrival)

        if fate.is_limited():
            return _error(400, random.choice((131056, 130429)))
        if fate.is_forbidden():
            return _error(400, 131031)
        if fate.is_broken():
            note(accepted=False)
            return _error(random.choice((400, 500)), random.choice((131000, 131016)))
        if fate.is_refused():
            note(accepted=False)
            self._books.refused.add(sent.delivery)
            return _error(400, 131026)
        bare = fate.is_bare()
        if bare and random.random() < 0.5:
            return Answer(502)
        note(accepted=True)
        self._ids += 1
        wamid = f"wamid.{self._ids}"
        self._tell(tenant, sent, wamid)
        if bare:
            return Answer(502)
        return None if fate.loses_answer() else Answer(200, {"messages": [{"id": wamid}]})

    def _tell(self, tenant: Tenant, sent: CallbackData, wamid: str) -> None:
        """Statuses come late, in any order, and not all of them."""
        random, tell = self._random, self._gateway.status_soon
        if random.random() < 0.02:
            tell(random.uniform(0.05, 1.0), tenant, sent, wamid, "failed")
            return
        late = random.uniform(2.0, 15.0) if random.random() < OFFLINE else 0.0
        if random.random() < 0.5:
            tell(random.uniform(0.02, 0.5), tenant, sent, wamid, "sent")
        tell(late + random.uniform(0.05, 1.0), tenant, sent, wamid, "delivered")
        if random.random() < 0.4:
            tell(late + random.uniform(0.05, 2.0), tenant, sent, wamid, "read")


def _error(status: int, code: int) -> Answer:
    return Answer(status, {"error": {"code": code, "message": f"error {code}"}})
