"""Volume: one tenant dark with a backlog, its neighbours on the same partition beside a run in which it is not.

``BENCH_BACKLOG`` sets how many deliveries wait (3,000; the partition holds ten times as many facts),
``BENCH_PER_MINUTE`` the calls a minute that the dark tenant's client allows, ``BENCH_ROUNDS`` the rounds of neighbours.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from contextlib import suppress
from statistics import linear_regression, median
from typing import Any

from bench.figures import RESULTS
from bench.outgoing import Servers, servers
from bench.town import BURST_SHARE, FACTS_PER_DELIVERY, KINDS, Town, build, p99

BACKLOG = int(os.environ.get("BENCH_BACKLOG", "3000"))
PER_MINUTE = int(os.environ.get("BENCH_PER_MINUTE", "6000"))
#: Rounds of neighbours; in each every sender has its turn, beginning with another one.
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "12"))
BURST = 400
PACE, PACE_SECONDS = 100.0, 1.5


async def neighbours(on: Servers) -> dict[str, Any]:
    """What tenants that work lose by one on their partition that is dark, by the way in which it is.

    All senders run at once and are measured in turns, a burst and a while of even talk each, so that what else the
    machine does meets all alike. ``sends`` is calls a second of a burst; ``p99`` seconds from the append of a message
    to the arrival of its call, at even talk.
    """
    towns = {kind or "without": await build(on, kind, min(BACKLOG, 3000), PER_MINUTE) for kind in (None, *KINDS)}
    for town in towns.values():
        await town.swept()
    names = list(towns)
    sends: dict[str, list[float]] = {name: [] for name in names}
    cpu: dict[str, list[float]] = {name: [] for name in names}
    waits: dict[str, list[list[float]]] = {name: [] for name in names}
    for number in range(ROUNDS):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            town, before = towns[name], towns[name].sending.cpu_seconds()
            sends[name].append(await town.burst(BURST))
            cpu[name].append((town.sending.cpu_seconds() - before) / BURST)
            waits[name].append(await town.pace(PACE, PACE_SECONDS))
            print(
                f"  round {number + 1}: {name} {sends[name][-1]:,.0f}/s, p99 {p99(waits[name][-1]):.3f} s", flush=True
            )
    for town in towns.values():
        await town.stop()
    return {name: _beside(name, sends, cpu, waits) for name in names}


def _beside(
    name: str, sends: dict[str, list[float]], cpu: dict[str, list[float]], waits: dict[str, list[list[float]]]
) -> dict[str, float]:
    ratios = [one / other for one, other in zip(sends[name], sends["without"], strict=True)]
    found = {
        "sends_a_second": median(sends[name]),
        "cpu_ms_a_send": 1000 * median(cpu[name]),
        "p50_seconds": median(wait for round in waits[name] for wait in round),
        "p99_seconds": p99([wait for round in waits[name] for wait in round]),
    }
    if name != "without":
        found |= {"sends_ratio": median(ratios), "sends_ratio_min": min(ratios), "sends_ratio_max": max(ratios)}
        found["sends_a_cpu_second_ratio"] = median(cpu["without"]) / median(cpu[name])
        found["p99_ratio"] = found["p99_seconds"] / p99([wait for round in waits["without"] for wait in round])
    return found


class Memory:
    """Resident memory of a sender, once a second, beside what it has done."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._started = time.monotonic()
        #: Seconds, deliveries drained, MiB.
        self.series: list[tuple[float, int, float]] = []
        self.swept_at = 0.0

    def swept(self) -> None:
        """The sender has read the whole backlog; of its window it keeps the ids."""
        self.swept_at = time.monotonic() - self._started

    async def watch(self) -> None:
        """Until it is cancelled."""
        while True:
            drained = await self._town.drained()
            self.series.append((time.monotonic() - self._started, drained, self._town.sending.rss_mib()))
            await asyncio.sleep(1.0)

    def figures(self) -> dict[str, Any]:
        """Where it began, after the backlog was read, and ended; its highest; how it grew with what was drained."""
        sizes = [size for _, _, size in self.series]
        swept = [size for at, _, size in self.series if at >= self.swept_at]
        draining = [(drained, size) for _, drained, size in self.series if drained]
        slope = linear_regression(*zip(*draining, strict=True)).slope if len(draining) > 2 else 0.0
        step = max(1, len(self.series) // 20)
        return {
            "rss_first_mib": sizes[0],
            "rss_swept_mib": swept[0],
            "rss_highest_mib": max(sizes),
            "rss_last_mib": sizes[-1],
            "mib_per_100_000_drained": 100_000 * slope,
            "rss_series": [[round(at), drained, round(size, 1)] for at, drained, size in self.series[::step]],
        }


async def drain(town: Town) -> dict[str, Any]:
    """Let the neighbours talk, heal the dark tenant; how long its backlog takes, and what that costs."""
    memory, load = Memory(town), os.getloadavg()[0]
    watch = asyncio.create_task(memory.watch())
    await town.swept()
    memory.swept()
    print(f"  {BACKLOG * FACTS_PER_DELIVERY:,} facts swept in {memory.swept_at:.0f} s", flush=True)
    dark = await town.pace(PACE, 10 * PACE_SECONDS)
    swept = await town.metric("relaylog_sender_swept_records_total")
    await town.heal()
    healed = time.monotonic()
    while not await town.drained():
        await asyncio.sleep(0.02)
    started, first = time.monotonic(), await town.drained()
    talk = asyncio.create_task(town.pace(PACE, 10 * PACE_SECONDS))
    while await town.drained() < BACKLOG:
        town.sending.check()
        await asyncio.sleep(0.1)
    ended = time.monotonic()
    beside = await talk
    swept = await town.metric("relaylog_sender_swept_records_total") - swept
    watch.cancel()
    with suppress(asyncio.CancelledError):
        await watch
    await town.stop()
    at_its_rate = 60 * (BACKLOG - first - BURST_SHARE * PER_MINUTE) / PER_MINUTE
    return {
        "backlog": BACKLOG,
        "facts": BACKLOG * FACTS_PER_DELIVERY,
        "calls_a_minute_allowed": PER_MINUTE,
        "seconds_until_the_first_call": started - healed,
        "drain_seconds": ended - started,
        "drain_seconds_at_its_rate": at_its_rate,
        "drain_over_rate": (ended - started) / at_its_rate,
        "facts_read_a_delivery": swept / BACKLOG,
        "neighbours_p99_seconds_dark": p99(dark),
        "neighbours_p99_seconds_draining": p99(beside),
        # Beyond the number of cores, others had their share of the machine, and waits say more about them.
        "load_average_before": load,
        "load_average_after": os.getloadavg()[0],
        **memory.figures(),
    }


def rounded(value: Any) -> Any:
    """The same with three digits behind the point."""
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    return round(value, 3) if isinstance(value, float) else value


def save(figures: dict[str, Any]) -> None:
    """Write them under ``bench/results``, and print them."""
    RESULTS.mkdir(exist_ok=True)
    name = "volume" if BACKLOG < 100_000 else "volume_full"
    text = json.dumps(rounded(figures), indent=1)
    (RESULTS / f"{name}.json").write_text(text + "\n")
    print(text)


async def main() -> None:
    """Measure, save, print."""
    async with servers() as on:
        beside = await neighbours(on)
        town = await build(on, "down", BACKLOG, PER_MINUTE)
        save({"neighbours": beside, "drain": await drain(town)})


if __name__ == "__main__":
    asyncio.run(main())
