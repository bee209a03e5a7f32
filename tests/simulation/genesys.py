"""The simulated Genesys Cloud: tokens, a budget a client, conversations that can be read, messages and receipts."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from schemas.tenant import GenesysClient, Tenant
from tests.simulation.books import Arrival, Books
from tests.simulation.budget import Budget, Told
from tests.simulation.log import SimulatedLog
from tests.simulation.network import CALM, Answer, Exchange, Fate, Request, Weather

_MESSAGES = "/api/v2/conversations/messages/"
#: How often a token is refused, and a conversation is left after a message.
REFUSED_TOKENS = 0.005
LEFT = 0.03
#: Seconds until a process has read an answer that has reached it.
READING = 0.001


@dataclass
class _Conversation:
    id: str
    #: (Genesys's id, the id that we gave)
    messages: list[tuple[str, str]] = field(default_factory=list)
    left: bool = False


@dataclass(frozen=True, slots=True)
class _Call:
    """A request of a client, and what its process knew of the budget when it left."""

    request: Request
    exchange: Exchange
    tenant: Tenant
    budget: Budget
    knew: Told
    #: Calls of the process that had no answer then, this one included.
    in_flight: int
    at: float
    log_end: int

    def against_better_knowledge(self) -> str | None:
        """What was known that forbade the call; what came while its process was stopped on the way to it is news."""
        if self.request.made < self.at:
            return None
        if self.at < self.knew.frozen_until:
            return f"called at {self.at:.3f} though told to wait"
        if self.knew.began == self.budget.began and self.knew.count + self.in_flight > self.budget.allowed:
            known = f"{self.knew.count} counted and {self.in_flight} under way of {self.budget.allowed}"
            return f"went over the budget at {self.at:.3f} though it knew of {known}"
        return None


class SimulatedGenesys:
    """Shared by all processes; a request that has left its process arrives although the process dies."""

    def __init__(self, random: Random, log: SimulatedLog, books: Books, timeout: float) -> None:
        self.weather: dict[str, Weather] = {}
        self.budgets: dict[str, Budget] = {}
        self.tenants: dict[str, Tenant] = {}
        self._random = random
        self._log = log
        self._books = books
        self._timeout = timeout
        self._current: dict[tuple[str, str], _Conversation] = {}
        self._conversations: dict[str, _Conversation] = {}
        self._details: dict[str, str] = {}
        self._ids = 0

    def register(self, tenant: Tenant, client: GenesysClient, allowed: int) -> None:
        self.tenants[client.client_id] = tenant
        self.budgets[client.client_id] = Budget(allowed)

    def take(self, request: Request, exchange: Exchange) -> None:
        """What happens to one request."""
        if request.path == "/oauth/token":
            self._mint(request, exchange)
            return
        client = request.authorization.removeprefix("Bearer ").partition("/")[0]
        budget, process, now = self.budgets[client], request.process.name, _now()
        tenant = self.tenants[client]
        budget.in_flight[process] = budget.in_flight.get(process, 0) + 1
        log_end = len(self._log.records["outcomes", tenant.partition])
        call = _Call(request, exchange, tenant, budget, budget.knew(process), budget.in_flight[process], now, log_end)
        exchange.on_answer = lambda answer: self._answered(call, answer)
        self._books.calls += 1
        if request.method == "POST":
            exchange.note(self._books, _name(request), 1, log_end)
        fate = Fate(self._random, self.weather.get(tenant.id, CALM))
        fate.travels(exchange, self._timeout, lambda fate: self._arrived(call, fate))

    def _answered(self, call: _Call, answer: Answer) -> None:
        call.budget.in_flight[call.request.process.name] -= 1

    def _mint(self, request: Request, exchange: Exchange) -> None:
        client = base64.b64decode(request.authorization.removeprefix("Basic ")).decode().partition(":")[0]
        fate = Fate(self._random, self.weather.get(self.tenants[client].id, CALM))

        def arrived(fate: Fate) -> None:
            delay = self._random.uniform(0.001, 0.05)
            if fate.is_limited():
                body = {"error": "invalid_request", "error_description": "rate limit exceeded"}
                exchange.answer(delay, Answer(400, body))
            elif fate.is_broken() or fate.is_bare():
                exchange.answer(delay, Answer(503))
            else:
                self._ids += 1
                exchange.answer(delay, Answer(200, {"access_token": f"{client}/{self._ids}", "expires_in": 86400}))

        fate.travels(exchange, self._timeout, arrived)

    def _arrived(self, call: _Call, fate: Fate) -> None:
        now, budget, process = _now(), call.budget, call.request.process.name
        delay = self._random.uniform(0.001, 0.05)
        if not budget.take(now):
            self._over_budget(call, now, delay)
            return
        began, count, headers = budget.began, budget.count, budget.headers(now)

        def told(answer: Answer) -> None:
            self._answered(call, answer)
            if answer.error is None:
                _soon(budget.tell, process, began, count)

        call.exchange.on_answer = told
        answer = self._refusal(call, fate) or self._effect(call, fate)
        if answer is None:
            call.exchange.lose()
            return
        answer.headers = {**answer.headers, **headers} if answer.status else {}
        call.exchange.answer(delay, answer)

    def _over_budget(self, call: _Call, now: float, delay: float) -> None:
        budget, process = call.budget, call.request.process.name
        self._books.reached["budget used up"] += 1
        if (knowledge := call.against_better_knowledge()) is not None:
            self._books.avoidable.append(f"{process} {knowledge}")
        began, reset, headers = budget.began, budget.reset(now), budget.headers(now)

        def told(answer: Answer) -> None:
            self._answered(call, answer)
            if answer.error is None:
                _soon(budget.tell, process, began, budget.allowed)
                _soon(budget.freeze, process, _now() + reset)

        call.exchange.on_answer = told
        body = {"code": "too.many.requests.retry.after", "message": "slow down"}
        call.exchange.answer(delay, Answer(429, body, {**headers, "Retry-After": str(reset)}))

    def _refusal(self, call: _Call, fate: Fate) -> Answer | None:
        """Ways in which it had no effect, or nobody knows which."""
        random = self._random
        if random.random() < REFUSED_TOKENS:
            return Answer(401, {"code": "bad.credentials", "message": "the token is not valid"})
        if fate.is_limited():
            return Answer(429, {"code": "too.many", "message": "slow down"}, {"Retry-After": random.choice("013")})
        if fate.is_forbidden():
            return Answer(403, {"code": "missing.permission", "message": "not allowed"})
        if fate.is_broken():
            self._note(call, accepted=False)
            return Answer(random.choice((500, 503)), {"code": "internal", "message": "an error of the platform's own"})
        if fate.is_bare():
            if random.random() < 0.5 and call.request.method == "POST":
                self._accept(call)
            status = random.choice((502, 504))
            # Its own word that it gave up waiting says no more than none.
            own = status == 504 and self._ids % 2
            return Answer(status, {"code": "request.timeout", "message": "The request timed out."} if own else None)
        if fate.is_refused() and call.request.method == "POST":
            self._note(call, accepted=False)
            self._books.refused.add(_name(call.request))
            return Answer(400, {"code": "bad.request", "message": "not understood"})
        return None

    def _effect(self, call: _Call, fate: Fate) -> Answer | None:
        """What it is answered when the platform does it; None when the answer is lost."""
        answer = self._accept(call) if call.request.method == "POST" else self._read(call.request.path)
        return None if fate.loses_answer() else answer

    def _accept(self, call: _Call) -> Answer:
        self._note(call, accepted=True)
        self._ids += 1
        own_id = f"remote-{self._ids}"
        channel = call.request.body["channel"]
        if "messageId" not in channel:
            self._books.reached["receipt"] += 1
            return Answer(200, {"id": own_id})
        key = (call.tenant.id, channel["from"]["id"])
        conversation = self._current.get(key)
        if conversation is None or conversation.left:
            conversation = self._current[key] = _Conversation(f"conversation-{self._ids}")
            self._conversations[conversation.id] = conversation
        conversation.messages.append((own_id, channel["messageId"]))
        conversation.left = self._random.random() < LEFT
        self._details[own_id] = channel["messageId"]
        return Answer(200, {"id": own_id, "conversationId": conversation.id})

    def _read(self, path: str) -> Answer:
        id_, _, what = path.removeprefix(_MESSAGES).partition("/")
        if what == "details":
            return Answer(200, {"providerMessageId": self._details[id_]})
        conversation = self._conversations[id_]
        customer = {
            "purpose": "customer",
            "state": "disconnected" if conversation.left else "connected",
            "messages": [{"messageId": own} for own, _ in conversation.messages],
        }
        return Answer(200, {"participants": [customer]})

    def _note(self, call: _Call, accepted: bool) -> None:
        if call.request.method != "POST":
            return
        log_end = len(self._log.records["outcomes", call.tenant.partition])
        name, process = _name(call.request), call.request.process.name
        self._books.arrivals.append(Arrival(_now(), process, "genesys", name, 1, accepted, call.log_end, log_end))


def _name(request: Request) -> str:
    channel = request.body["channel"]
    return str(channel["messageId"]) if "messageId" in channel else receipt_name(request.body["id"], channel["time"])


def receipt_name(genesys_id: str, time: str) -> str:
    """What a receipt's call says of itself: the message, and when it happened."""
    return f"receipt of {genesys_id} at {time}"


def _soon(know: Callable[..., None], *what: object) -> None:
    """What a process was told in the very instant of a call could not keep it from that call."""
    asyncio.get_running_loop().call_later(READING, know, *what)


def _now() -> float:
    return asyncio.get_running_loop().time()
