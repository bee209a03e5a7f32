"""Volume: one tenant dark with a backlog, its neighbours on the same partition beside a run in which it is not."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from bench.figures import RESULTS, alternate, figure
from bench.outgoing import Remote, Sending, Servers, append, integration_of, message, register, servers, typing
from schemas.envelope import Envelope
from schemas.tenant import Tenant
from streams.log import LogWriter

#: Deliveries that wait for the dark tenant; its partition holds ten times as many facts.
BACKLOG = int(os.environ.get("BENCH_BACKLOG", "3000"))
FACTS_PER_DELIVERY = 10
#: Of ten facts, so many are messages to the tenants that work; the rest demands nothing.
HEALTHY_PER_DELIVERY = 5
HEALTHY = 4
CUSTOMERS = 32
PER_MINUTE = 6_000
#: Seconds until the stub answers.
DELAY = 0.02
DARK = "dark"
ROUNDS = 3


@dataclass(frozen=True)
class Run:
    """A sender, and what it works on."""

    remote: Remote
    sending: Sending
    tenants: list[Tenant]

    async def metric(self, name: str) -> float:
        """Sum of a metric's samples."""
        async with self.remote.http.get(self.sending.metrics) as answer:
            text = await answer.text()
        families = text_string_to_metric_families(text)
        return sum(s.value for family in families for s in family.samples if s.name == name)

    async def taken(self, *tenants: str) -> int:
        """Calls that the stub took for tenants."""
        counts = await self.remote.taken()
        return sum(counts.get(integration_of(tenant), 0) for tenant in tenants)

    async def until_taken(self, count: int, *tenants: str) -> float:
        """Wait until the stub took so many calls for tenants; the moment."""
        while await self.taken(*tenants) < count:
            await asyncio.sleep(0.05)
        return time.monotonic()

    def rss_mib(self) -> float:
        """Memory of the sender."""
        return float(self.sending.process.memory_info().rss) / 2**20


async def start(on: Servers, *, dark: bool) -> Run:
    """Preload a partition, with the backlog or with as many facts that demand nothing, and start a sender on it."""
    settings, remote = await on.settings(1), await on.stub(DELAY)
    if dark:
        await remote.set("down", integration_of(DARK))
    writer = LogWriter(settings)
    await writer.start()
    try:
        healthy = [await register(settings, writer, f"healthy-{n}", remote.url) for n in range(HEALTHY)]
        unlucky = await register(settings, writer, DARK, remote.url, PER_MINUTE)
        await append(writer, ((0, fact) for fact in facts_of_a_partition(healthy, unlucky, dark=dark)))
    finally:
        await writer.stop()
    return Run(remote, await on.sender(settings), [*healthy, unlucky])


def facts_of_a_partition(healthy: list[Tenant], unlucky: Tenant, *, dark: bool) -> Iterable[Envelope]:
    """Facts of one partition, well mixed."""
    for number in range(BACKLOG):
        yield (message if dark else typing)(unlucky, number % CUSTOMERS, number)
        for each in range(HEALTHY_PER_DELIVERY):
            index = number * HEALTHY_PER_DELIVERY + each
            yield message(healthy[index % HEALTHY], index // HEALTHY % CUSTOMERS, index)
        for each in range(FACTS_PER_DELIVERY - 1 - HEALTHY_PER_DELIVERY):
            yield typing(healthy[each % HEALTHY], number % CUSTOMERS, number * FACTS_PER_DELIVERY + each)


async def healthy_rate(run: Run) -> float:
    """Calls a second of the tenants that work, from the first to the last of their messages."""
    names = [tenant.id for tenant in run.tenants if tenant.id != DARK]
    started = await run.until_taken(1, *names)
    first = await run.taken(*names)
    total = BACKLOG * HEALTHY_PER_DELIVERY
    return (total - first) / (await run.until_taken(total, *names) - started)


async def drain(run: Run) -> dict[str, float]:
    """Heal the dark tenant; how long its backlog takes, and what that costs."""
    swept = await run.metric("relaylog_sender_swept_records_total")
    await run.remote.set("up", integration_of(DARK))
    healed = time.monotonic()
    started = await run.until_taken(1, DARK)
    ended = await run.until_taken(BACKLOG, DARK)
    swept = await run.metric("relaylog_sender_swept_records_total") - swept
    at_its_rate = BACKLOG * 60 / PER_MINUTE
    return {
        "seconds_until_the_first_call": started - healed,
        "drain_seconds": ended - started,
        "drain_seconds_at_its_rate": at_its_rate,
        "drain_over_rate": (ended - started) / at_its_rate,
        "facts_read_a_delivery": swept / BACKLOG,
    }


async def neighbours(on: Servers) -> dict[str, Any]:
    """What the tenants that work lose by a dark one on their partition."""

    async def rate(dark: bool) -> float:
        run = await start(on, dark=dark)
        found = await healthy_rate(run)
        run.sending.check()
        await on.supervisor.stop(run.sending.name)
        return found

    rates = await alternate({"without": partial(rate, False), "beside dark": partial(rate, True)}, ROUNDS)
    found = figure("healthy_ratio", rates["beside dark"], rates["without"])
    return {
        "healthy_sends": found.denominator,
        "healthy_sends_beside_dark": found.numerator,
        "healthy_ratio": found.ratio,
        "healthy_ratio_min": found.min,
        "healthy_ratio_max": found.max,
    }


async def measure(on: Servers) -> dict[str, Any]:
    """Every figure of the volume run."""
    beside = await neighbours(on)
    run = await start(on, dark=True)
    memory = {"rss_start_mib": run.rss_mib()}
    await healthy_rate(run)
    memory["rss_dark_mib"] = run.rss_mib()
    drained = await drain(run)
    run.sending.check()
    memory["rss_end_mib"] = run.rss_mib()
    return {"backlog": BACKLOG, "facts": BACKLOG * FACTS_PER_DELIVERY, **beside, **drained, **memory}


async def main() -> None:
    """Measure, save, print."""
    async with servers() as on:
        figures = {name: round(value, 3) for name, value in (await measure(on)).items()}
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(figures, indent=1)
    (RESULTS / "volume.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    asyncio.run(main())
