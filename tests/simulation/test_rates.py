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
    allowed: int = ALLOWED
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
        self._open(now)
        reset = self.started + WINDOW - now
        if self.count >= self.allowed:
            self.refused += 1
            told, until = self.told_full
            self.avoidable += told < sent and now < until
            return False, self.count, reset
        self.count += 1
        self.accepted += 1
        return True, self.count, reset

    async def called_by_a_stranger(self, seconds: float) -> None:
        """Calls of somebody else, whose answers nobody here sees."""
        loop = asyncio.get_running_loop()
        while self.stranger and loop.time() < seconds:
            await asyncio.sleep(self.random.expovariate(self.stranger))
            self._open(loop.time())
            if self.count < self.allowed:
                self.count += 1
                self.strangers += 1

    def _open(self, now: float) -> None:
        if now - self.started >= WINDOW:
            self.started, self.count = now - (now - self.started) % WINDOW, 0


async def overload(seconds: float, lanes: int, *clients: FixedWindow, shares: tuple[int, ...] = (0,)) -> None:
    """Lanes that always have something to send by any of a tenant's clients, each with an answer time of its own."""
    loop = asyncio.get_running_loop()
    queue = PermitQueue(loop.time)
    buckets = [TokenBucket(allowed=float(client.allowed), at=loop.time()) for client in clients]

    async def lane(rank: int) -> None:
        while loop.time() < seconds:
            asked = loop.time()
            chosen = await queue.permit(buckets, rank)
            platform, bucket = clients[chosen], buckets[chosen]
            platform.waits[rank].append(loop.time() - asked)
            sent = loop.time()
            await asyncio.sleep(platform.random.uniform(0.01, 0.2))
            taken, used, reset = platform.call(sent, loop.time())
            await asyncio.sleep(platform.random.uniform(0.01, 0.2))
            bucket.observe(loop.time(), used, platform.allowed, reset)
            if used >= platform.allowed:
                platform.told_full = (loop.time(), platform.started + WINDOW)
            if not taken:
                bucket.freeze(loop.time(), reset)
            bucket.done()

    strangers = (client.called_by_a_stranger(seconds) for client in clients)
    await asyncio.gather(*strangers, *(lane(shares[n % len(shares)]) for n in range(lanes)))


def used(client: FixedWindow) -> float:
    """Share of the allowed calls of ten windows that were used, by whomever."""
    return (client.accepted + client.strangers) / (10 * client.allowed)


@pytest.mark.parametrize("seed", range(3))
def test_at_least_95_percent_of_the_allowed_calls_are_used_and_no_429_is_avoidable(seed: int) -> None:
    platform = FixedWindow(Random(seed))
    run_virtually(overload(600.0, 64, platform))
    assert used(platform) >= 0.95
    assert platform.avoidable == 0


@pytest.mark.parametrize("seed", range(3))
def test_the_budgets_of_several_clients_are_used_up_each(seed: int) -> None:
    clients = [FixedWindow(Random(seed + n), allowed=allowed) for n, allowed in enumerate((300, 300, 60, 900))]
    run_virtually(overload(600.0, 128, *clients))
    for client in clients:
        assert used(client) >= 0.95
        assert client.avoidable == 0


@pytest.mark.parametrize("stranger", [0.5, 1.5, 4.0])
@pytest.mark.parametrize("seed", range(2))
def test_what_a_stranger_leaves_of_a_client_is_used_and_no_429_is_avoidable(seed: int, stranger: float) -> None:
    clients = [FixedWindow(Random(seed), stranger=stranger), FixedWindow(Random(seed + 1))]
    run_virtually(overload(600.0, 64, *clients))
    shared, own = clients
    print(f"of the shared client {shared.accepted} calls, {shared.strangers} by the stranger, {shared.refused} refused")
    assert shared.strangers > 100
    for client in clients:
        assert used(client) >= 0.95
        assert client.avoidable == 0
    assert own.refused == 0


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
    run_virtually(overload(600.0, 60, platform, shares=(0, 0, 1, 2)))
    return {rank: waits[len(waits) // 10 :] for rank, waits in platform.waits.items()}
