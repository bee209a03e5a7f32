"""What goes wrong in a run: weather on the platforms, and faults of processes, brokers, group, log and operators."""

from __future__ import annotations

import asyncio

from schemas.envelope import encode, envelope, time_of_milliseconds
from schemas.outcomes import TookOver
from tests.simulation.demands import decode_event
from tests.simulation.group import Member
from tests.simulation.network import WEATHERS
from tests.simulation.setting import PARTITIONS
from tests.simulation.world import World

CRASH_POINTS = (
    "sender_after_attempted",
    "sender_before_call",
    "sender_after_answer",
    "sender_sweeping",
    "sender_checkpoint",
    "sender_falling_behind",
    "sender_joining",
)
#: Where a process is stopped in the middle of what its successor cannot see: between the proof of an attempt and its
#: call, and in front of the append of a result or of a checkpoint.
STOP_POINTS = ("sender_before_call", "sender_before_call", "sender_after_answer", "sender_checkpoint")
#: Weights of the kinds of weather, for one tenant on one platform.
WEATHER_WEIGHTS = {"calm": 30, "flaky": 20, "dark": 14, "limited": 8, "slow": 10, "lossy": 14, "forbidden": 1}
MEMBERS = 3


class Disturbances:
    """Strikes one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._random = world.random
        self._of_members = {
            "kill": world.kill,
            "kill at a point": self._kill_at_a_point,
            "stop": world.stop_and_wake,
            "stop at a point": self._stop_at_a_point,
            "cut": world.cut_off,
            "fail an append": self._fail_an_append,
        }
        self._kinds = (
            *self._of_members,
            "leave",
            "join",
            "broker",
            "ghost",
            "retention",
            "pause",
            "redrive",
            "nothing",
        )

    def change_weather(self) -> None:
        """Every tenant gets weather of its own on each platform."""
        kinds, weights = list(WEATHER_WEIGHTS), list(WEATHER_WEIGHTS.values())
        for tenant in self._world.by_name:
            for platform in (self._world.genesys, self._world.whatsapp):
                platform.weather[tenant] = WEATHERS[self._random.choices(kinds, weights)[0]]
        for budget in self._world.genesys.budgets.values():
            if self._random.random() < 0.1:
                # Somebody else spends of it.
                budget.take(asyncio.get_running_loop().time(), self._random.randint(1, budget.allowed))

    async def strike(self) -> None:
        """One fault, if it finds its victim."""
        world, kind = self._world, self._random.choice(self._kinds)
        members = [member for member in world.group.members if member.process.reachable]
        if kind in self._of_members and members:
            self._of_members[kind](self._random.choice(members))
        elif kind == "leave" and members:
            await self._leave(self._random.choice(members))
        elif kind == "join" and len(world.group.members) < MEMBERS:
            world.start()
        elif kind == "broker":
            await self._lose_broker()
        elif kind == "ghost":
            self._claim_by_nobody(self._random.randrange(PARTITIONS))
        elif kind == "retention":
            self._remove(self._random.randrange(PARTITIONS))
        elif kind == "pause":
            world.operator.pause()
        elif kind == "redrive":
            world.operator.redrive(self._random.randrange(PARTITIONS), 0.5)

    def calm(self) -> None:
        """From now on nothing new goes wrong."""
        world = self._world
        for platform in (world.genesys, world.whatsapp):
            platform.weather.clear()
        world.group.faulty_commits = 0.0
        world.crash_at.clear()
        world.stop_at.clear()
        for tenant in world.by_name:
            world.operator.resume(tenant)
        if not any(member.process.reachable for member in world.group.members):
            world.start()

    def _kill_at_a_point(self, member: Member) -> None:
        self._world.crash_at[member.process.name] = self._random.choice(CRASH_POINTS)

    def _stop_at_a_point(self, member: Member) -> None:
        self._world.stop_at[member.process.name] = self._random.choice(STOP_POINTS)

    def _fail_an_append(self, member: Member) -> None:
        """The producer gives up: what it was appending is in the log, or is not. The process must end itself."""
        member.process.fails_append = True

    async def _leave(self, member: Member) -> None:
        """SIGTERM."""
        await member.sender.stop()
        member.process.kill()
        self._world.group.leave(member)
        self._world.reached["leave"] += 1
        self._world.start()

    async def _lose_broker(self) -> None:
        self._world.log.away = True
        await asyncio.sleep(self._random.uniform(0.2, 5.0))
        self._world.log.away = False
        self._world.reached["broker away"] += 1

    def _claim_by_nobody(self, partition: int) -> None:
        """The claim of a worker that has lost the partition, and its life, before the append landed."""
        moment = time_of_milliseconds(self._world.log.now_ms())
        claim = envelope(
            id=f"ghost-{moment}",
            type="sender.took_over",
            source="simulation",
            time=moment,
            recordedtime=moment,
            data=TookOver(sender="ghost"),
        )
        self._world.log.append("outcomes", partition, encode(claim), None, [("type", claim.type.encode())])
        self._world.reached["claim by nobody"] += 1

    def _remove(self, partition: int) -> None:
        """Retention takes old facts; of `outcomes`, which are kept longer, what a newest checkpoint has folded."""
        log, random = self._world.log, self._random
        end = len(log.records["events", partition])
        log.trim("events", partition, random.randint(end // 2, end))
        checkpoints = [r for r in log.records["outcomes", partition] if r.header("type") == b"sender.checkpoint"]
        if checkpoints and random.random() < 0.5:
            newest = max(decode_event(record.value or b"").data["as_of"] for record in checkpoints)
            log.trim("outcomes", partition, min(newest, checkpoints[-1].offset))
        self._world.reached["retention"] += 1
