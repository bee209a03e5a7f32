"""Sender: milliseconds from append to remote call at shares of its capacity, beside bare produce-and-consume."""

from __future__ import annotations

import asyncio
import re
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvloop

from bench.figures import Figure, figure, keep
from bench.outgoing import Servers, message, register, servers
from bench.remote_stub import Stub, listen
from relaylog.embedded.ports import free_ports
from schemas.envelope import encode
from schemas.tenant import Tenant
from streams.log import LogWriter, partition_reader
from streams.settings import Settings
from streams.topics import EVENTS

SHARES = (0.1, 0.5, 0.9)
PERCENTILES = (50, 99)
ROUNDS = 3
SECONDS = 4.0
PARTITIONS = 4
TENANTS = 8
#: Threads of all tenants; in the run that finds the capacity, each has one message on its way.
THREADS = 64
#: The id that `message` gives to its number.
_NUMBER = re.compile(r"wamid\.t\d+\.(\d+)")


class Course:
    """Messages appended to one log, each with a number, and the moments at which they came out at the other end."""

    def __init__(self, writer: LogWriter, tenants: list[Tenant]) -> None:
        self._writer = writer
        self._tenants = tenants
        self._appended: list[float] = []
        self._seen: dict[int, asyncio.Future[float]] = {}

    async def append(self) -> asyncio.Future[float]:
        """Append the next message; the future has the seconds until it came out."""
        number = len(self._appended)
        tenant = self._tenants[number % TENANTS]
        fact = message(tenant, number // TENANTS % (THREADS // TENANTS), number)
        seen = self._seen[number] = asyncio.get_running_loop().create_future()
        self._appended.append(time.monotonic())
        headers = (("type", fact.type.encode()), ("id", fact.id.encode()))
        await self._writer.enqueue(EVENTS, tenant.partition, encode(fact), key=tenant.id.encode(), headers=headers)
        return seen

    def came_out(self, message_id: str) -> None:
        """A message was seen: its id, or a record that has it."""
        found = _NUMBER.search(message_id)
        seen = self._seen.pop(int(found[1]), None) if found else None
        if found and seen is not None:
            seen.set_result(time.monotonic() - self._appended[int(found[1])])

    async def capacity(self) -> float:
        """Messages a second while every thread appends its next one when the one before has come out."""
        end = time.monotonic() + SECONDS

        async def thread() -> int:
            count = 0
            while time.monotonic() < end:
                await (await self.append())
                count += 1
            return count

        return sum(await asyncio.gather(*(thread() for _ in range(THREADS)))) / SECONDS

    async def delays(self, rate: float) -> list[float]:
        """Milliseconds from append to the other end, at so many messages a second."""
        started, seen = time.monotonic(), []
        for number in range(int(rate * SECONDS)):
            if (ahead := started + number / rate - time.monotonic()) > 0.001:
                await asyncio.sleep(ahead)
            seen.append(await self.append())
        return sorted(1000 * seconds for seconds in await asyncio.gather(*seen))


@asynccontextmanager
async def through_the_sender(on: Servers) -> AsyncIterator[Course]:
    """Messages that a sender, which follows the log live, posts to a stub in this process."""
    [port] = free_ports(1)
    settings, writer = await _log(on)
    tenants = [await register(settings, writer, f"t{n}", f"http://127.0.0.1:{port}") for n in range(TENANTS)]
    course = Course(writer, tenants)
    stub = Stub(delay=0.0)
    stub.arrived = course.came_out  # type: ignore[method-assign]
    server = await listen(stub, port)
    sending = await on.sender(settings)
    try:
        # The first message of each tenant is swept; then its destination is live.
        await asyncio.gather(*[await course.append() for _ in range(TENANTS)])
        while await sending.metric("relaylog_sender_destinations", state="live") < TENANTS:
            await asyncio.sleep(0.1)
        yield course
        sending.check()
    finally:
        await on.supervisor.stop(sending.name)
        await writer.stop()
        server.close()


@asynccontextmanager
async def through_the_log(on: Servers) -> AsyncIterator[Course]:
    """The same messages, appended in the same way and read by one bare reader a partition."""
    settings, writer = await _log(on)
    tenants = [await register(settings, writer, f"t{n}", "http://127.0.0.1:1") for n in range(TENANTS)]
    course = Course(writer, tenants)

    async def read(partition: int) -> None:
        async with partition_reader(settings, EVENTS, partition) as reader:
            reader.seek(0)
            while True:
                for record in await reader.read():
                    course.came_out((record.value or b"").decode())

    readers = [asyncio.create_task(read(number)) for number in range(PARTITIONS)]
    try:
        await asyncio.gather(*[await course.append() for _ in range(TENANTS)])
        yield course
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        await writer.stop()


async def _log(on: Servers) -> tuple[Settings, LogWriter]:
    settings = await on.settings(PARTITIONS)
    writer = LogWriter(settings)
    await writer.start()
    return settings, writer


def percentile(ordered: list[float], percent: int) -> float:
    """Of a sorted list."""
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


async def run(on: Servers) -> list[Figure]:
    """Two percentiles at each share; numerator and denominator are milliseconds."""
    found: dict[str, tuple[list[float], list[float]]] = {}
    async with through_the_sender(on) as sender, through_the_log(on) as bare:
        capacity = statistics.median([await sender.capacity() for _ in range(2)])
        print(f"  capacity {capacity:,.0f}/s with facts that arrive live", flush=True)
        for number in range(ROUNDS):
            for share in SHARES:
                ours, theirs = await sender.delays(share * capacity), await bare.delays(share * capacity)
                for percent in PERCENTILES:
                    name = f"sender_latency_p{percent}_at_{round(100 * share)}_percent"
                    pair = found.setdefault(name, ([], []))
                    pair[0].append(percentile(ours, percent))
                    pair[1].append(percentile(theirs, percent))
                    print(f"  round {number + 1}: {name} {pair[0][-1]:.2f} ms beside {pair[1][-1]:.2f} ms", flush=True)
    return [figure(name, *pair) for name, pair in found.items()]


async def main() -> None:
    """Measure, save, print."""
    async with servers() as started:
        keep(await run(started))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
