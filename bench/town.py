"""A partition on which one tenant's Genesys is dark while the others talk, and the sender that serves it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import quantiles

from prometheus_client.parser import text_string_to_metric_families

from bench.outgoing import (
    Remote,
    Sending,
    Servers,
    alike,
    append,
    append_entries,
    entry,
    integration_of,
    message,
    register,
    skip,
    typing,
)
from relaylog.embedded.ports import free_ports
from schemas.envelope import Envelope
from schemas.tenant import Tenant
from streams.log import Entry, LogWriter
from streams.settings import Settings

#: Facts of the partition for each delivery that waits.
FACTS_PER_DELIVERY = 10
HEALTHY = 4
CUSTOMERS = 64
#: Seconds until the stub answers.
DELAY = 0.02
DARK = "dark"
#: How a platform can be away: nobody listens, errors of its own, no answer at all.
KINDS = ("unreachable", "down", "silent")
#: Seconds of the log in memory: the preload is some hundred times as fast as life.
WINDOW = 5.0
#: Calls a minute of which a client may make at once; see agents/rates.py.
BURST_SHARE = 1 / 20


@dataclass
class Town:
    """What one sender works on."""

    on: Servers
    settings: Settings
    writer: LogWriter
    remote: Remote
    #: Where the dark tenant's Genesys is, or will be once healed.
    dark_url: str
    healthy: list[Tenant]
    unlucky: Tenant
    sending: Sending
    #: How the dark tenant is dark; None when it has nothing to send.
    kind: str | None
    dark_remote: Remote | None = None
    _number: int = field(default=0)

    async def metric(self, name: str) -> float:
        """Sum of a metric's samples."""
        async with self.remote.http.get(self.sending.metrics) as answer:
            text = await answer.text()
        families = text_string_to_metric_families(text)
        return sum(s.value for family in families for s in family.samples if s.name == name)

    async def heal(self) -> None:
        """From now on the dark tenant's Genesys works."""
        if self.dark_remote is None:
            self.dark_remote = await self.on.stub(DELAY, int(self.dark_url.rpartition(":")[2]))
        await self.dark_remote.set("up", integration_of(DARK))

    async def drained(self) -> int:
        """Deliveries that the dark tenant's Genesys took."""
        return (await self.dark_remote.taken()).get(integration_of(DARK), 0) if self.dark_remote else 0

    async def taken(self) -> int:
        """Calls that the healthy ones' Genesys took."""
        return sum((await self.remote.taken()).values())

    def facts(self, count: int) -> Iterator[tuple[str, Envelope]]:
        """Messages to the healthy tenants, each with its id, over all customers."""
        for _ in range(count):
            number = self._number = self._number + 1
            tenant = self.healthy[number % HEALTHY]
            yield f"wamid.{tenant.id}.live-{number}", message(tenant, number // HEALTHY % CUSTOMERS, f"live-{number}")

    async def swept(self) -> None:
        """Return when the sender has read what stood in the log: the last of it is sent."""
        await self.burst(HEALTHY * CUSTOMERS)

    async def burst(self, count: int) -> float:
        """Append messages of the healthy tenants at once; calls a second until the last has arrived."""
        before, facts = await self.taken(), [fact for _, fact in self.facts(count)]
        started = time.monotonic()
        await append(self.writer, ((0, fact) for fact in facts))
        while await self.taken() < before + count:
            self.sending.check()
            await asyncio.sleep(0.02)
        return count / (time.monotonic() - started)

    async def pace(self, per_second: float, seconds: float) -> list[float]:
        """Append messages of the healthy tenants evenly; of each the seconds from its append to its call's arrival."""
        await self.remote.arrivals()
        started, appended, arrived = time.monotonic(), dict[str, float](), dict[str, float]()
        for number, (id, fact) in enumerate(self.facts(round(per_second * seconds))):
            await asyncio.sleep(max(0.0, started + number / per_second - time.monotonic()))
            appended[id] = time.time()
            await append(self.writer, [(0, fact)])
        while len(arrived) < len(appended):
            self.sending.check()
            await asyncio.sleep(0.05)
            arrived |= await self.remote.arrivals()
        return [arrived[id] - at for id, at in appended.items()]

    async def stop(self) -> None:
        """End the sender."""
        await self.on.supervisor.stop(self.sending.name)
        await self.writer.stop()


async def build(on: Servers, kind: str | None, backlog: int, per_minute: int) -> Town:
    """Preload a partition, with a backlog or with as many facts that demand nothing, and start a sender on it.

    What it finds there it has not swept yet: see `Town.swept`.
    """
    settings = await on.settings(1, duplicate_window=WINDOW)
    remote, [port] = await on.stub(DELAY), free_ports(1)
    dark_remote = None if kind == "unreachable" else await on.stub(DELAY, port)
    if dark_remote and kind:
        await dark_remote.set(kind, integration_of(DARK))
    writer, dark_url = LogWriter(settings), f"http://127.0.0.1:{port}"
    await writer.start()
    healthy = [await register(settings, writer, f"healthy-{n}", remote.url) for n in range(HEALTHY)]
    unlucky = await register(settings, writer, DARK, dark_url, per_minute)
    await append_entries(writer, _entries(healthy, unlucky, backlog, dark=kind is not None))
    await skip(settings)
    sending = await on.sender(settings)
    return Town(on, settings, writer, remote, dark_url, healthy, unlucky, sending, kind, dark_remote)


def _entries(healthy: list[Tenant], unlucky: Tenant, backlog: int, *, dark: bool) -> Iterator[Entry]:
    """One delivery for the dark tenant among facts that demand nothing, over and over."""
    idle = [typing(tenant, 0, 0) for tenant in (*healthy, unlucky)]
    *fillers, nothing = [alike(entry(0, fact), fact) for fact in idle]
    for number in range(backlog):
        yield entry(0, message(unlucky, number % CUSTOMERS, number)) if dark else next(nothing)
        for each in range(1, FACTS_PER_DELIVERY):
            yield next(fillers[each % HEALTHY])


def p99(seconds: list[float]) -> float:
    """The 99th percentile."""
    return quantiles(seconds, n=100)[98]
