"""One seeded run: a schedule of faults drawn from the seed, then calm weather until everything has settled."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from random import Random

from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from agents.context import SenderContext
from agents.destination import State
from agents.ledger import Destination as Key
from agents.metrics import SenderMetrics
from agents.partition import PartitionSender
from agents.rates import RateTable, TokenBucket
from agents.sender import Sender
from agents.slots import Slots
from schemas.envelope import encode, envelope, time_of_milliseconds
from schemas.outcomes import TookOver
from schemas.tenant import Channel, Genesys, GenesysClient, Tenant, WhatsAppApp
from streams.log import LogUnavailable, Record
from streams.settings import Settings
from tests.simulation.clock import run_virtually
from tests.simulation.facts import SimulatedGateway, plan
from tests.simulation.group import Member, SimulatedGroup
from tests.simulation.judge import judge
from tests.simulation.log import SimulatedLog, SimulatedReader, SimulatedWriter
from tests.simulation.platform import SimulatedPlatform, SimulatedRemote, Weather
from tests.simulation.process import Process

PARTITIONS = 2
WINDOW = 20.0
CALL_TIMEOUT = 2.0
SESSION = 6.0
#: Virtual seconds that the run may take to settle once the weather is calm.
PATIENCE = 900.0
DISTURBANCES = (
    "kill",
    "kill at a point",
    "stop",
    "stop before a call",
    "cut",
    "join",
    "leave",
    "broker",
    "ghost",
    "nothing",
)
CRASH_POINTS = (
    "sender_after_attempted",
    "sender_after_readback",
    "sender_after_answer",
    "sender_sweeping",
    "sender_checkpoint",
    "sender_falling_behind",
    "sender_joining",
)


@dataclass
class Verdict:
    """How one seed ended."""

    seed: int
    violations: list[str]
    reached: Counter[str]
    calls: int


def run_seed(seed: int) -> Verdict:
    """Run one seed from its beginning to its judgement."""
    return run_virtually(Scenario(seed).run())


class Scenario:
    """The world of one seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.reached: Counter[str] = Counter()
        self.errors: list[str] = []
        self.log = SimulatedLog(self.random)
        self.platform = SimulatedPlatform(self.random, self.log, CALL_TIMEOUT)
        self.group = SimulatedGroup(self.random, self.log, PARTITIONS, SESSION)
        self.gateway = SimulatedGateway(self.random, self.log, copies=0.1, window=WINDOW)
        holds = [self.random.random() < 0.3 for _ in range(self.random.randint(2, 5))]
        self.tenants = [_tenant(f"t{n}", n % PARTITIONS, hold) for n, hold in enumerate(holds)]
        self.settings = _settings(self.random)
        self.crash_at: dict[str, str] = {}
        #: Processes to be stopped between the read-back of an attempt and its call.
        self.stop_before_call: set[str] = set()
        self.metrics: list[SenderMetrics] = []
        self._names = 0

    async def run(self) -> Verdict:
        self.group.faulty_commits = self.random.choice((0.0, 0.3, 0.8))
        talk, watch = asyncio.create_task(self._talk()), asyncio.create_task(self._watch_memory())
        self._start()
        for _ in range(self.random.randint(2, 7)):
            self._change_weather()
            await asyncio.sleep(self.random.uniform(0.5, 8.0))
            await self._disturb()
        self._calm()
        await talk
        settled = await self._settle()
        watch.cancel()
        violations = judge(self.gateway.said, self.platform.books, self.log, PARTITIONS) + self.errors
        if not settled:
            violations.append("did not settle: " + self._state())
        self.reached.update(self.group.reached)
        self.reached.update(self.platform.reached)
        self.reached.update(self._circuit_events())
        return Verdict(self.seed, violations, +self.reached, len(self.platform.books.arrivals))

    def _circuit_events(self) -> Counter[str]:
        names = {"opened": "circuit opened", "probe_failed": "probe failed"}
        return Counter(
            {
                name: round(sum(m.circuits.labels("genesys", event)._value.get() for m in self.metrics))
                for event, name in names.items()
            }
        )

    async def _talk(self) -> None:
        random = self.random
        await self.gateway.talk(self.tenants, random.randint(1, 5), random.randint(2, 8), random.uniform(5.0, 30.0))

    async def _watch_memory(self) -> None:
        """Queue and ledger of a destination never hold more than its places, and what a takeover found in the log."""
        found: dict[tuple[PartitionSender, Key], int] = {}
        while True:
            await asyncio.sleep(0.05)
            for partition in [p for m in self.group.members for p in m.sender._partitions.values()]:
                if not partition.tail.ready.is_set():
                    continue
                for key, destination in partition.destinations.items():
                    finished = len(partition.ledger.finished.get(key, ()))
                    at_start = found.setdefault((partition, key), finished)
                    # Twice the places: results of a fenced owner's calls come late. One more: an empty queue takes a
                    # delivery whatever lies finished above it, else it could not go on.
                    held = destination.queued + finished
                    bound = 2 * self.settings.places + self.settings.finished_places + at_start + 1
                    if held > bound and not partition.is_closed():
                        self.errors.append(f"{key} holds {held} deliveries, {bound} are allowed")

    # -- faults

    def _change_weather(self) -> None:
        random = self.random
        for tenant in self.tenants:
            kind = random.choice(("calm", "calm", "flaky", "dark", "limited", "slow"))
            self.platform.weather[tenant.id] = {
                "calm": Weather(),
                "flaky": Weather(refused=0.02, broken=0.1, lost_answer=0.1, silent=0.1, unreachable=0.1),
                "dark": Weather(unreachable=0.6, silent=0.4),
                "limited": Weather(limited=0.5),
                "slow": Weather(slow=0.5),
            }[kind]

    async def _disturb(self) -> None:
        members = [m for m in self.group.members if m.process.reachable]
        kind = self.random.choice(DISTURBANCES)
        if kind == "join" and len(self.group.members) < 3:
            self.reached["join while facts arrive"] += 1
            self._start()
        elif kind == "ghost":
            self._claim_by_nobody(self.random.randrange(PARTITIONS))
        elif kind == "broker":
            self.log.away = True
            await asyncio.sleep(self.random.uniform(0.2, 5.0))
            self.log.away = False
            self.reached["broker away"] += 1
        elif members and kind in ("kill", "kill at a point", "stop", "stop before a call", "cut", "leave"):
            await self._strike(self.random.choice(members), kind)

    def _claim_by_nobody(self, partition: int) -> None:
        """The claim of a worker that has lost the partition, and its life, before the append landed."""
        moment = time_of_milliseconds(self.log.now_ms())
        claim = envelope(
            id=f"ghost-{moment}",
            type="sender.took_over",
            source="simulation",
            time=moment,
            recordedtime=moment,
            data=TookOver(sender="ghost"),
        )
        self.log.append("outcomes", partition, encode(claim), None, [("type", claim.type.encode())])
        self.reached["claim by nobody"] += 1

    async def _strike(self, member: Member, kind: str) -> None:
        if kind == "kill":
            self._kill(member)
        elif kind == "kill at a point":
            self.crash_at[member.process.name] = self.random.choice(CRASH_POINTS)
        elif kind == "stop before a call":
            self.stop_before_call.add(member.process.name)
        elif kind == "leave":
            await member.sender.stop()
            member.process.kill()
            self.group.leave(member)
            self.reached["leave"] += 1
            self._start()
        elif kind == "cut":
            asyncio.create_task(self._cut_off(member))  # noqa: RUF006 - it ends by itself and nobody waits
        else:
            asyncio.create_task(self._stop_and_wake(member))  # noqa: RUF006 - it ends by itself and nobody waits

    def _kill(self, member: Member) -> None:
        member.process.kill()
        asyncio.create_task(self.group.expire(member))  # noqa: RUF006 - it ends by itself and nobody waits
        self.reached["kill"] += 1
        self._start()

    async def _stop_and_wake(self, member: Member) -> None:
        member.process.stop()
        asyncio.create_task(self.group.expire(member))  # noqa: RUF006 - it ends by itself and nobody waits
        if len(self.group.members) < 2:
            self._start()
        await asyncio.sleep(self.random.uniform(0.5, 25.0))
        member.process.wake()
        self.reached["zombie woke"] += member not in self.group.members
        await asyncio.sleep(self.random.uniform(0.1, 3.0))
        self.group.rejoin(member)

    async def _cut_off(self, member: Member) -> None:
        """The process runs on, but neither it nor its heartbeats reach the broker; its appends land afterwards."""
        member.process.cut = True
        asyncio.create_task(self.group.expire(member))  # noqa: RUF006 - it ends by itself and nobody waits
        if len(self.group.members) < 2:
            self._start()
        await asyncio.sleep(self.random.uniform(0.5, 25.0))
        member.process.cut = False
        self.reached["cut off past its session"] += member not in self.group.members
        await asyncio.sleep(self.random.uniform(0.1, 3.0))
        self.group.rejoin(member)

    def _calm(self) -> None:
        self.platform.weather.clear()
        self.group.faulty_commits = 0.0
        self.crash_at.clear()
        self.stop_before_call.clear()
        if not any(m.process.reachable for m in self.group.members):
            self._start()

    # -- processes

    def _start(self) -> None:
        self._names += 1
        self.group.join(Process(f"p{self._names}"), self._build)

    def _build(self, process: Process) -> Sender:
        loop = asyncio.get_running_loop()
        random = self.random

        async def keep(record: Record, tenant: str | None, reason: str, attempts: int) -> None:
            await writer.append("dead-letters", record.partition, record.value)

        def crash(point: str) -> None:
            if point == "sender_after_readback" and process.name in self.stop_before_call:
                self.stop_before_call.discard(process.name)
                self.reached["stopped before a call"] += 1
                process.stop()
                for member in [m for m in self.group.members if m.process is process]:
                    asyncio.create_task(self._stop_and_wake(member))  # noqa: RUF006 - it ends by itself and nobody waits
            if self.crash_at.get(process.name) == point:
                del self.crash_at[process.name]
                self.reached[point] += 1
                for member in [m for m in self.group.members if m.process is process]:
                    self._kill(member)

        def fatal(error: BaseException) -> None:
            if process.dead:
                return
            if not isinstance(error, LogUnavailable):
                self.errors.append(f"{process.name} failed: {error!r}")
            self.reached["ended itself"] += 1
            for member in [m for m in self.group.members if m.process is process]:
                self._kill(member)

        metrics = SenderMetrics(CollectorRegistry())
        self.metrics.append(metrics)
        writer = SimulatedWriter(self.log, process)
        bucket = TokenBucket(allowed=6000, at=loop.time())
        context = SenderContext(
            settings=self.settings,
            sender=process.name,
            cluster="simulated",
            writer=writer,
            reader=lambda topic, partition: SimulatedReader(self.log, process, topic, partition),
            tenants=self,
            remotes={"genesys": SimulatedRemote(self.platform, process, bucket)},
            plan=plan,
            dead_letter=keep,
            clock=loop.time,
            now=self.log.now_ms,
            draw=random.random,
            crash=crash,
            fatal=fatal,
            in_flight=Slots(16),
            metrics=metrics,
        )
        return Sender(context, RateTable(loop.time, lambda _: None))

    def by_id(self, tenant_id: str) -> Tenant | None:
        return next((t for t in self.tenants if t.id == tenant_id), None)

    # -- the end

    async def _settle(self) -> bool:
        """True when everything has been sent and nobody is behind."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE
        while loop.time() < deadline:
            if self._quiet():
                await asyncio.sleep(3 * CALL_TIMEOUT)
                if self._quiet():
                    return True
            await asyncio.sleep(1.0)
        return False

    def _quiet(self) -> bool:
        destinations = [
            d
            for member in self.group.members
            if member.process.reachable
            for partition in member.sender._partitions.values()
            for d in (partition.unseen, *partition.destinations.values())
        ]
        unread = any(
            (partition.live.expected or 0) < len(self.log.records["events", partition.number])
            for member in self.group.members
            if member.process.reachable
            for partition in member.sender._partitions.values()
        )
        owned = {n for m in self.group.members if m.process.reachable for n in m.sender._partitions}
        if unread or len(owned) < PARTITIONS:
            return False
        return bool(destinations) and all(d.state is State.LIVE and d.queued == 0 for d in destinations)

    def _state(self) -> str:
        lines = []
        for member in self.group.members:
            for partition in member.sender._partitions.values():
                for d in (partition.unseen, *partition.destinations.values()):
                    lines.append(
                        f"{member.process.name} partition {partition.number} {d.key} {d.state.value} queued {d.queued} "
                        f"at {d.read_position}"
                    )
        return "; ".join(lines)


def _settings(random: Random) -> Settings:
    return Settings(
        partitions=PARTITIONS,
        call_timeout=CALL_TIMEOUT,
        session_timeout=SESSION,
        duplicate_window=WINDOW,
        places=random.choice((2, 4, 16)),
        finished_places=random.choice((2, 4, 16)),
        checkpoint_records=random.choice((5, 20, 100)),
        checkpoint_seconds=random.choice((1.0, 5.0)),
        delivery_attempts=12,
    )


def _tenant(name: str, partition: int, hold: bool) -> Tenant:
    secret = SecretStr("0123456789abcdef")
    channel = Channel(
        phone_number_id="1055",
        waba_id="77",
        app="main",
        access_token=secret,
        integration_id="integration",
        webhook_secret=secret,
    )
    client = GenesysClient(client_id="client", client_secret=secret)
    return Tenant(
        id=name,
        partition=partition,
        pepper=secret,
        on_ambiguous="hold" if hold else "resend",
        apps=(WhatsAppApp(name="main", app_secret=secret, verify_token=secret),),
        channels=(channel,),
        genesys=Genesys(login_url="http://simulated", api_url="http://simulated", clients=(client,)),
    )
