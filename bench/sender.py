"""Sender: calls a second beside a bare POST loop and beside a textbook agent, against one stub, by busy lanes.

``python -m bench.sender [100ms:64 instant:64 ...]`` measures those stubs and lanes, by default all.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import uvloop

from bench.bare_posts import BARE, bare_posts
from bench.figures import Figure, alternate, figure, keep
from bench.outgoing import Remote, Servers, append, message, register, servers, skip
from streams.log import LogWriter
from streams.settings import Settings
from streams.topics import EVENTS, topic_name

#: Seconds until the stub answers, and facts in the log for each round and lane: more than one thread can use up.
STUBS = {"100ms": (0.1, 160), "instant": (0.0, 16_000)}
#: Threads with something to send; the bare loop has as many tasks, the sender as many slots for calls in flight.
LANES = (1, 16, 64, 256)
#: More facts than all threads together can use up in a round.
MOST_FACTS = 40_000
PARTITIONS = 4
TENANTS = 8
ROUNDS = 3
SECONDS = 4.0
WARM_UP_SECONDS = 2.0
#: A sender measures its lag so often: 0 says that it has looked for unknown destinations up to the end of the log.
LAG_SECONDS = 6.0


@dataclass(frozen=True)
class Case:
    """One stub, one number of lanes, and a log with facts for all rounds."""

    on: Servers
    remote: Remote
    lanes: int
    settings: Settings
    facts: int

    async def bare(self) -> float:
        """POSTs a second of tasks that do nothing else."""
        return await bare_posts(self.remote.url, self.lanes, SECONDS)

    async def sender(self) -> float:
        """Calls a second of a whole sender that goes on in the log where the last one stopped."""
        sending = await self.on.sender(self.settings)
        try:
            await self._begun(_is_senders)
            await asyncio.sleep(LAG_SECONDS)
            while await sending.metric("relaylog_sender_lag_records"):
                sending.check()
                await asyncio.sleep(0.2)
            rate = await self._rate(_is_senders)
        finally:
            await self.on.supervisor.stop(sending.name)
        if await self._taken(_is_senders) >= self.facts:
            raise RuntimeError(f"all {self.facts} deliveries were sent before the time was over: the figure is too low")
        return rate

    async def textbook(self) -> float:
        """Calls a second of the textbook agent, which reads the same facts from the first one on."""
        group = f"textbook-{secrets.token_hex(4)}"
        topic = topic_name(self.settings, EVENTS)
        arguments = (self.on.kafka, topic, group, self.remote.url, str(PARTITIONS), str(self.on.data / group))
        probe = f"{self.remote.url.rpartition(':')[2]}/counts"
        await self.on.start(group, ("bench.textbook_agent", *arguments), {}, probe)
        try:
            await self._begun(_is_textbooks)
            await asyncio.sleep(WARM_UP_SECONDS)
            return await self._rate(_is_textbooks)
        finally:
            await self.on.supervisor.stop(group)

    async def _begun(self, counts: Callable[[str], bool]) -> None:
        before = await self._taken(counts)
        while await self._taken(counts) == before:
            await asyncio.sleep(0.05)

    async def _rate(self, counts: Callable[[str], bool]) -> float:
        first, started = await self._taken(counts), time.monotonic()
        await asyncio.sleep(SECONDS)
        return (await self._taken(counts) - first) / (time.monotonic() - started)

    async def _taken(self, counts: Callable[[str], bool]) -> int:
        return sum(count for integration, count in (await self.remote.taken()).items() if counts(integration))


def _is_textbooks(integration: str) -> bool:
    return integration.startswith("textbook-")


def _is_senders(integration: str) -> bool:
    return integration != BARE and not _is_textbooks(integration)


async def prepare(on: Servers, stub: str, lanes: int) -> Case:
    """A case whose facts wait in the log; Faust has passed them, so that only the sweep reads them."""
    delay, each = STUBS[stub]
    facts = min(MOST_FACTS, each * lanes) * (ROUNDS + 1)
    remote = await on.stub(delay)
    settings = await on.settings(PARTITIONS, calls_in_flight=max(64, lanes))
    writer, tenants = LogWriter(settings), min(TENANTS, lanes)
    await writer.start()
    try:
        registered = [await register(settings, writer, f"t{number}", remote.url) for number in range(tenants)]
        customers = lanes // tenants
        deliveries = (
            (tenant.partition, message(tenant, number // tenants % customers, number))
            for number, tenant in zip(range(facts), itertools.cycle(registered), strict=False)
        )
        await append(writer, deliveries)
    finally:
        await writer.stop()
    await skip(settings)
    return Case(on, remote, lanes, settings, facts)


async def run(on: Servers, stub: str, lanes: int) -> list[Figure]:
    """Both figures of one case."""
    case = await prepare(on, stub, lanes)
    measures = {"bare": case.bare, "sender": case.sender, "textbook": case.textbook}
    rates = await alternate(measures, ROUNDS)
    name = f"sender_{stub}_{lanes}_lanes"
    return [
        figure(name, rates["sender"], rates["bare"]),
        figure(f"{name}_beside_textbook", rates["sender"], rates["textbook"]),
    ]


async def main(wanted: list[str]) -> None:
    """Measure, save, print."""
    cases = [case.split(":") for case in wanted] or [[stub, str(lanes)] for stub in STUBS for lanes in LANES]
    async with servers() as started:
        for stub, lanes in cases:
            keep(await run(started, stub, int(lanes)))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1:]))
