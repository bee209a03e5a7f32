"""One seeded run: a schedule of faults drawn from the seed, then calm weather until everything has settled."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

import pytest

from agents.destination import State
from agents.partition import PartitionSender
from tests.simulation.clock import VirtualLoop
from tests.simulation.disturbances import Disturbances
from tests.simulation.evidence import gather
from tests.simulation.judge import judge, reached
from tests.simulation.process import Killed
from tests.simulation.setting import CALL_TIMEOUT, PARTITIONS, simulated_bounds
from tests.simulation.watch import Watch
from tests.simulation.world import World, spawn

#: Virtual seconds that the run may take to settle once the weather is calm.
PATIENCE = 900.0


@dataclass(frozen=True)
class Verdict:
    """How one seed ended."""

    seed: int
    violations: list[str]
    reached: Counter[str]
    calls: int
    #: Of every call and every record: equal when two runs were the same.
    digest: str


def run_seed(seed: int) -> Verdict:
    """Run one seed from its beginning to its judgement."""
    loop = VirtualLoop()
    scenario = Scenario(seed)
    try:
        # Of its own, so that what else a seed draws stays what it was.
        with simulated_bounds(Random(f"bounds of {seed}")), unexpected(scenario.world.errors):
            loop.run_until_complete(scenario.run())
    except AssertionError as error:
        scenario.world.errors.append(repr(error))
    finally:
        loop.close()
    scenario.world.errors += [repr(e) for e in loop.unheard if not isinstance(e, (Killed, asyncio.CancelledError))]
    return scenario.verdict()


@contextmanager
def unexpected(errors: list[str]) -> Iterator[None]:
    """What the sender catches and goes on behind, because it must, is an error here all the same."""

    def exception(self: logging.Logger, message: object, *_: object, **__: object) -> None:
        errors.append(f"{message}: {sys.exception()!r}")

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(logging.Logger, "exception", exception)
        yield


class Scenario:
    """The schedule of one seed."""

    def __init__(self, seed: int) -> None:
        self.world = World(seed)
        self._disturbances = Disturbances(self.world)
        self._watch = Watch(self.world)

    async def run(self) -> None:
        world, random = self.world, self.world.random
        world.group.faulty_commits = random.choice((0.0, 0.3, 0.8))
        spawn(self._watch.run())
        spawn(world.write_behind())
        talk = asyncio.create_task(self._talk())
        world.start()
        for _ in range(random.randint(2, 7)):
            self._disturbances.change_weather()
            await asyncio.sleep(random.uniform(0.5, 8.0))
            await self._disturbances.strike()
        self._disturbances.calm()
        await talk
        if not await self.settle(redrive=random.random() < 0.5):
            world.errors.append("did not settle: " + self._state())

    def verdict(self) -> Verdict:
        """What is to be said of a run that has ended."""
        world = self.world
        noticed = self._watch.finish()
        evidence = gather(world.settings, world.by_name, world.books, world.log)
        violations = world.errors + judge(evidence)
        met = world.reached + world.group.reached + world.operator.reached + noticed + reached(evidence)
        return Verdict(world.seed, violations, met, world.books.calls, self._digest())

    def _digest(self) -> str:
        digest = hashlib.sha256()
        for (topic, partition), records in sorted(self.world.log.records.items()):
            for record in records:
                digest.update(f"{topic} {partition} {record.timestamp} {record.value!r}\n".encode())
        digest.update("\n".join(map(repr, self.world.books.arrivals)).encode())
        return digest.hexdigest()

    async def _talk(self) -> None:
        random, tenants = self.world.random, list(self.world.by_name.values())
        threads, messages = random.choice(((1, 6), (2, 3), (2, 5), (3, 3), (3, 4), (8, 2)))
        await self.world.gateway.talk(tenants, threads, messages, random.uniform(5.0, 30.0))

    # -- the end

    async def settle(self, redrive: bool = False) -> bool:
        """True when everything has been sent and nobody is behind; with ``redrive`` also what was given up before."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE
        while loop.time() < deadline:
            if self._is_quiet():
                await asyncio.sleep(3 * CALL_TIMEOUT)
                if self._is_quiet():
                    if not redrive:
                        return True
                    redrive = False
                    for partition in range(PARTITIONS):
                        self.world.operator.redrive(partition, 1.0)
            await asyncio.sleep(0.5)
        return False

    def _is_quiet(self) -> bool:
        partitions = self._partitions()
        if self.world.gateway.due or {p.number for p in partitions} != set(range(PARTITIONS)):
            return False
        return all(self._has_settled(partition) for partition in partitions)

    def _partitions(self) -> list[PartitionSender]:
        members = [member for member in self.world.group.members if member.process.reachable]
        return [partition for member in members for partition in member.sender._partitions.values()]

    def _has_settled(self, partition: PartitionSender) -> bool:
        if (partition.live.expected or 0) < len(self.world.log.records["events", partition.number]):
            return False
        return all(
            d.state is State.LIVE and d.queued == 0 for d in (partition.unseen, *partition.destinations.values())
        )

    def _state(self) -> str:
        return "; ".join(
            f"partition {partition.number} {d.key} {d.state.value} queued {d.queued} at {d.read_position}"
            for partition in self._partitions()
            for d in (partition.unseen, *partition.destinations.values())
        )
