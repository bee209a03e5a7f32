"""The simulated consumer group: which process owns which partition, and a live stream with Faust's known faults."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from agents import live
from agents.sender import Sender
from streams.log import Record
from tests.simulation.log import SimulatedLog
from tests.simulation.process import Killed, Process

#: Of streams that may begin at a wrong place, how many also bring nothing for longer than the sender puts up with.
STUCK = 0.25
FOR_GOOD = 1e6


@dataclass
class Member:
    """One process in the group."""

    process: Process
    sender: Sender
    streams: list[asyncio.Task[None]] = field(default_factory=list)

    def end_streams(self) -> None:
        for stream in self.streams:
            stream.cancel()
        self.streams.clear()


class SimulatedGroup:
    """Rebalances after joins, leaves and expired sessions; commits early, late or not at all, as Faust does."""

    def __init__(self, random: Random, log: SimulatedLog, partitions: int, session: float) -> None:
        self.members: list[Member] = []
        self.reached: Counter[str] = Counter()
        self.faulty_commits = 0.0
        self._random = random
        self._log = log
        self._partitions = partitions
        self._session = session
        self._committed = dict.fromkeys(range(partitions), 0)

    def join(self, process: Process, build: Callable[[Process], Sender]) -> Member:
        member = Member(process, build(process))
        self.members.append(member)
        self.rebalance()
        return member

    def leave(self, member: Member) -> None:
        member.end_streams()
        if member in self.members:
            self.members.remove(member)
            self.rebalance()

    async def expire(self, member: Member) -> None:
        """The session of a member that went silent runs out; a stopped one that wakes later joins again."""
        await asyncio.sleep(self._session)
        if not member.process.reachable:
            self.leave(member)

    def rejoin(self, member: Member) -> None:
        """A member that was away is heard again, and comes back with what it believes it owns."""
        if member.process.dead:
            return
        if member not in self.members:
            self.members.append(member)
        self.rebalance()

    def rebalance(self) -> None:
        """Everything is revoked and assigned anew."""
        able = [m for m in self.members if m.process.reachable]
        for member in able:
            member.end_streams()
        for index, member in enumerate(able):
            mine = [p for p in range(self._partitions) if p % len(able) == index]
            member.sender.assign(mine)
            member.streams = [asyncio.create_task(self._stream(member, p)) for p in mine]

    def _start(self, partition: int) -> int:
        """Where the live stream begins; far from the commit is what the sender would count as a jump."""
        committed, end = self._committed[partition], len(self._log.records["events", partition])
        if self._random.random() < self.faulty_commits:
            if self._random.random() < 0.5:
                self.reached["commit far ahead"] += end - committed > live.ALLOWANCE
                return end
            position = self._random.randint(0, committed)
            self.reached["commit far behind"] += committed - position > live.ALLOWANCE
            return position
        return committed

    def _silence(self) -> float:
        """Seconds until a stream brings its first record; some are stuck until the next rebalance."""
        if self._random.random() < STUCK * self.faulty_commits:
            return self._random.choice((self._random.uniform(5.0, 12.0), FOR_GOOD))
        return self._random.uniform(0.01, 0.5)

    async def _stream(self, member: Member, partition: int) -> None:
        records = self._log.records["events", partition]
        await asyncio.sleep(self._silence())
        position = self._start(partition)
        try:
            while True:
                await member.process.gate()
                # Faust is set to begin at the earliest record when what it looks for is gone.
                position = max(position, self._log.starts["events", partition])
                if position >= len(records) or member.process.cut:
                    await self._log.wait_for_news("events", partition, 1.0)
                    continue
                for record in records[position : position + self._random.randint(1, 8)]:
                    self._bring(member, record)
                    position = record.offset + 1
                if self._random.random() < 0.2:
                    self._committed[partition] = position
                if position < len(records):
                    await asyncio.sleep(self._random.uniform(0.0, 0.008))
        except Killed:
            return

    def _bring(self, member: Member, record: Record) -> None:
        """Hand a record to a member, and note when its live stream counts that as a jump."""
        partition = member.sender._partitions.get(record.partition)
        expected = partition.live.expected if partition is not None else None
        member.sender.admit(record)
        if partition is not None and expected is not None and partition.live.expected is None:
            where = "ahead" if record.offset > expected else "back"
            self.reached[f"live stream jumped {where}"] += 1
