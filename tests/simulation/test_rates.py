"""Rates on the virtual clock, against the platform's own fixed window: used well, never overrun, nobody starved."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random

import pytest

from agents import rates
from agents.rates import AGEING, PermitQueue, TokenBucket
from tests.simulation.clock import run_virtually

ALLOWED = 300
WINDOW = 60.0


@dataclass
class FixedWindow:
    """What Genesys does (genesys.md section 8): counts calls in windows of a minute and refuses what is beyond."""

    random: Random
    #: Calls of somebody else who shares the client, per second.
    stranger: float = 0.0
    count: int = 0
    started: float = 0.0
    accepted: int = 0
    refused: int = 0
    #: Refusals although an answer already received had said that the window is used up.
    avoidable: int = 0
    strangers: int = 0
    #: When an answer last said so, and until when.
    told_full: tuple[float, float] = (0.0, 0.0)
    waits: dict[int, list[float]] = field(default_factory=lambda: {0: [], 1: [], 2: []})

    def call(self, sent: float, now: float) -> tuple[bool, int, float]:
        if now - self.started >= WINDOW:
            self.started, self.count = now - (now - self.started) % WINDOW, 0
        foreign = self.random.random() < self.stranger / 5
        self.count += foreign
        self.strangers += foreign
        reset = self.started + WINDOW - now
        if self.count >= ALLOWED:
            self.refused += 1
            told, until = self.told_full
            self.avoidable += told < sent and now < until
            return False, self.count, reset
        self.count += 1
        self.accepted += 1
        return True, self.count, reset


async def overload(platform: FixedWindow, seconds: float, lanes: int, shares: tuple[int, ...] = (0,)) -> None:
    """Lanes that always have something to send, each with an answer time of its own."""
    loop = asyncio.get_running_loop()
    bucket, queue = TokenBucket(allowed=ALLOWED, at=loop.time()), PermitQueue(loop.time)

    async def lane(rank: int) -> None:
        while loop.time() < seconds:
            asked = loop.time()
            await queue.permit([bucket], rank)
            platform.waits[rank].append(loop.time() - asked)
            sent = loop.time()
            await asyncio.sleep(platform.random.uniform(0.01, 0.2))
            taken, used, reset = platform.call(sent, loop.time())
            await asyncio.sleep(platform.random.uniform(0.01, 0.2))
            bucket.observe(loop.time(), used, ALLOWED, reset)
            if used >= ALLOWED:
                platform.told_full = (loop.time(), platform.started + WINDOW)
            if not taken:
                bucket.freeze(loop.time(), reset)
            bucket.done()

    await asyncio.gather(*(lane(shares[n % len(shares)]) for n in range(lanes)))


@pytest.mark.parametrize("seed", range(5))
def test_at_least_95_percent_of_the_allowed_calls_are_used_and_no_429_is_avoidable(seed: int) -> None:
    platform = FixedWindow(Random(seed))
    run_virtually(overload(platform, 600.0, lanes=64))
    assert platform.accepted >= 0.95 * ALLOWED * 10
    assert platform.avoidable == 0


@pytest.mark.parametrize("seed", range(5))
def test_a_stranger_on_the_same_client_is_survived(seed: int) -> None:
    platform = FixedWindow(Random(seed), stranger=1.5)
    run_virtually(overload(platform, 600.0, lanes=64))
    assert platform.strangers > 100
    assert platform.accepted + platform.strangers >= 0.9 * ALLOWED * 10
    assert platform.avoidable == 0


def test_urgent_ones_go_first_and_nobody_starves() -> None:
    """Messages alone would fill the budget; receipts stand at most AGEING seconds behind, typing twice that."""
    waits = mixed_overload()
    mean = {rank: sum(waits[rank]) / len(waits[rank]) for rank in waits}
    assert mean[0] < mean[1] < mean[2]
    assert max(waits[1]) <= max(waits[0]) + AGEING + 1.0
    assert max(waits[2]) <= max(waits[0]) + 2 * AGEING + 1.0


def test_without_ageing_receipts_would_starve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "AGEING", 1e9)
    waits = mixed_overload()
    assert max(waits[1]) > max(waits[0]) + 60.0


def mixed_overload() -> dict[int, list[float]]:
    """Waits by rank, without the start, in which everybody asks at once."""
    platform = FixedWindow(Random(1))
    run_virtually(overload(platform, 600.0, lanes=60, shares=(0, 0, 1, 2)))
    return {rank: waits[len(waits) // 10 :] for rank, waits in platform.waits.items()}
