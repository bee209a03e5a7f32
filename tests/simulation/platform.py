"""The simulated platform: takes, refuses or loses calls, and keeps books of what arrived."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from random import Random

from agents.answers import Answer, NotSent, Refused, Taken, Unanswered
from agents.circuit import Verdict
from agents.conversations import Conversation
from agents.look_up import Found, NotThere, Unsure
from agents.rates import TokenBucket
from agents.remotes import NotReady, Permit
from schemas.delivery import Call, Kind
from schemas.tenant import Channel, Tenant
from tests.simulation.log import SimulatedLog
from tests.simulation.process import Process


@dataclass(frozen=True, slots=True)
class Arrival:
    """A call that reached the platform."""

    at: float
    process: str
    tenant: str
    thread: str
    delivery: str
    part: int
    accepted: bool
    #: End of ``outcomes`` at that moment: what the log showed when the call arrived.
    log_end: int


@dataclass
class Weather:
    """How likely each way of ending is, for one tenant; what is left is acceptance."""

    refused: float = 0.0
    broken: float = 0.0
    lost_answer: float = 0.0
    silent: float = 0.0
    unreachable: float = 0.0
    limited: float = 0.0
    slow: float = 0.0


@dataclass
class Books:
    """What the platform and the network saw; the judge believes only this and the log."""

    arrivals: list[Arrival] = field(default_factory=list)
    #: Deliveries that the platform refused for good.
    refused: set[str] = field(default_factory=set)


class SimulatedPlatform:
    """Shared by all processes; a request that has left its process arrives although the process dies."""

    def __init__(self, random: Random, log: SimulatedLog, call_timeout: float) -> None:
        self.books = Books()
        self.weather: dict[str, Weather] = {}
        self.reached: Counter[str] = Counter()
        self._random = random
        self._log = log
        self._timeout = call_timeout

    async def call(self, process: Process, tenant: Tenant, call: Call) -> Answer:
        """What happens to one request, seen from the network."""
        random, weather = self._random, self.weather.get(tenant.id, Weather())
        draw = random.random()
        if (draw := draw - weather.unreachable) < 0:
            await asyncio.sleep(random.uniform(0, 0.1))
            return NotSent("connect", "nobody listens")
        await asyncio.sleep(random.uniform(0.001, 0.05))
        if (draw := draw - weather.silent) < 0:
            await asyncio.sleep(self._timeout)
            return Unanswered("timeout", "the request was lost")
        if random.random() < weather.slow:
            await asyncio.sleep(random.uniform(0.1, self._timeout))
        if (draw := draw - weather.limited) < 0:
            return Refused(429, "too.many", "slow down", retry_after=random.choice((0.0, 1.0, 3.0)))
        if (draw := draw - weather.broken) < 0:
            self._arrived(process, tenant, call, accepted=False)
            return Refused(random.choice((500, 503)), "broken", "an error of the platform's own")
        if (draw := draw - weather.refused) < 0:
            self._arrived(process, tenant, call, accepted=False)
            self.books.refused.add(call.body["delivery"])
            return Refused(400, "bad", "not understood")
        self._arrived(process, tenant, call, accepted=True)
        if draw < weather.lost_answer:
            await asyncio.sleep(self._timeout)
            return Unanswered("timeout", "the answer was lost")
        await asyncio.sleep(random.uniform(0.001, 0.05))
        return Taken(200, f"remote-{len(self.books.arrivals)}", genesys_conversation_id=call.body["thread"])

    async def look_up(self, tenant: Tenant, call: Call) -> Found:
        """What the platform says when it is asked for a call: by its books, if it answers at all."""
        random, weather = self._random, self.weather.get(tenant.id, Weather())
        await asyncio.sleep(random.uniform(0.001, 0.1))
        if random.random() < weather.unreachable + weather.silent:
            return Unsure("nobody answers", again=True, verdict=Verdict.TRANSPORT)
        if random.random() < weather.broken + weather.limited:
            return Unsure("an error of the platform's own", again=True)
        if random.random() < 0.1:
            return Unsure("the conversation has ended", again=False)
        wanted = (call.body["delivery"], call.body["part"])
        if any(a.accepted and (a.delivery, a.part) == wanted for a in self.books.arrivals):
            self.reached["looked up: found"] += 1
            return Taken(200, "remote", call.body["thread"])
        self.reached["looked up: not there"] += 1
        return NotThere()

    def _arrived(self, process: Process, tenant: Tenant, call: Call, accepted: bool) -> None:
        body = call.body
        self.books.arrivals.append(
            Arrival(
                at=asyncio.get_running_loop().time(),
                process=process.name,
                tenant=tenant.id,
                thread=body["thread"],
                delivery=body["delivery"],
                part=body["part"],
                accepted=accepted,
                log_end=len(self._log.records["outcomes", tenant.partition]),
            )
        )


class SimulatedRemote:
    """The platform as one process sees it."""

    def __init__(self, platform: SimulatedPlatform, process: Process, clock_bucket: TokenBucket) -> None:
        self._platform = platform
        self._process = process
        self._bucket = clock_bucket

    async def stage(self, tenant: Tenant, channel: Channel, call: Call) -> Call:
        await self._process.gate()
        return call

    async def permit(self, tenant: Tenant, channel: Channel, kind: Kind) -> Permit:
        await self._process.gate()
        if self._platform._random.random() < 0.01:
            raise NotReady(NotSent("token", "no token just now"), Verdict.TRANSPORT)
        self._bucket.take(asyncio.get_running_loop().time())
        return Permit(tenant, "token", self._bucket)

    async def send(self, permit: Permit, call: Call) -> Answer:
        await self._process.gate()
        # Not a task of the process: the request has left it.
        under_way = asyncio.get_running_loop().create_task(self._platform.call(self._process, permit.tenant, call))
        answer = await under_way
        await self._process.gate()
        return answer

    async def look_up(self, tenant: Tenant, channel: Channel, call: Call, conversation: Conversation) -> Found:
        await self._process.gate()
        assert conversation.id == call.body["thread"]
        found = await self._platform.look_up(tenant, call)
        await self._process.gate()
        return found

    def refused_token(self, permit: Permit) -> None:
        return None
