"""WhatsApp's limits on a whole sender: a number's throughput is used up, and a pair rate stops only its own thread."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass
from statistics import median

import pytest

from agents.sweep import LONGEST_REST
from tests.simulation import whatsapp, world
from tests.simulation.network import Answer, Exchange, Request
from tests.simulation.staged import Stage, whatsapp_name

#: Of the simulated number, a second: a quarter of what a real one has, so that a run takes less time.
MESSAGES_A_SECOND = 20
ENOUGH = 0.95
#: As the settings have it; the simulation's own is smaller than 20 calls a second need.
CALLS_IN_FLIGHT = 64


def refusal(code: int) -> Answer:
    """WhatsApp refuses for a rate with HTTP 400."""
    return Answer(400, {"error": {"code": code, "message": f"(#{code}) rate limit"}})


class LimitedStage(Stage, ABC):
    """A tenant whose number, or each of whose customers, may be sent only so much."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        monkeypatch.setattr(world, "CALLS_IN_FLIGHT", CALLS_IN_FLIGHT)
        self.use_throughput(MESSAGES_A_SECOND)
        # Each thread's next message waits until the customer was shown the one before.
        monkeypatch.setattr(whatsapp, "OFFLINE", 0.0)
        self.refused = 0
        #: When each call was granted, by customer.
        self.granted: list[tuple[float, str]] = []
        self._take = self.world.whatsapp.take
        self.world.whatsapp.take = self._take_if_allowed  # type: ignore[method-assign]

    def _take_if_allowed(self, request: Request, exchange: Exchange) -> None:
        now = asyncio.get_running_loop().time()
        customer = str(request.body["recipient"])
        if (code := self.limit(customer, now)) is None:
            self.granted.append((now, customer))
            self._take(request, exchange)
        else:
            self.refused += 1
            exchange.answer(0.05, refusal(code))

    @abstractmethod
    def limit(self, customer: str, now: float) -> int | None:
        """The code of the limit that forbids a call now; one that is allowed is counted."""


class NumberStage(LimitedStage):
    """WhatsApp counts the messages of a number in windows of so many seconds."""

    def __init__(self, window: float, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(monkeypatch)
        self._window = window
        self._counts: dict[int, int] = {}

    def limit(self, customer: str, now: float) -> int | None:
        number = int(now / self._window)
        if self._counts.get(number, 0) >= MESSAGES_A_SECOND * self._window:
            return 130429
        self._counts[number] = self._counts.get(number, 0) + 1
        return None

    async def course(self, seconds: float = 60.0) -> float:
        """Bring more than the number may send, in threads mixed; the share of its limit that was used from then on."""
        threads = 300
        for number in range(round(1.2 * seconds * MESSAGES_A_SECOND)):
            self.reply(f"thread {number % threads}")
        await asyncio.sleep(seconds + 5.0)
        first = self.granted[0][0]
        return sum(at < first + seconds for at, _ in self.granted) / (seconds * MESSAGES_A_SECOND)


@pytest.mark.parametrize("window", [60.0, 5.0])
def test_the_throughput_of_a_number_is_used(window: float, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = NumberStage(window, monkeypatch)
    used = stage.play(stage.course)
    print(f"used {used:.3f}, refused {stage.refused}")
    assert used >= ENOUGH
    assert stage.refused == 0


class PairStage(LimitedStage):
    """WhatsApp takes a message to one customer each six seconds, and some at once (whatsapp.md section 5.3: 45)."""

    EACH = 6.0
    AT_ONCE = 15.0

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(monkeypatch)
        self._pairs: dict[str, tuple[float, float]] = {}

    def limit(self, customer: str, now: float) -> int | None:
        left, at = self._pairs.get(customer, (self.AT_ONCE, now))
        left = min(self.AT_ONCE, left + (now - at) / self.EACH)
        self._pairs[customer] = (left - 1.0 if left >= 1.0 else left, now)
        return None if left >= 1.0 else 131056

    async def course(self, flood: int) -> Flood:
        """Two threads get so many messages each at once, and each of forty others three in the next 80 seconds."""
        loop, others = asyncio.get_running_loop(), 40
        flooded = {name: [self.reply(name).id for _ in range(flood)] for name in ("flood 1", "flood 2")}
        appended: dict[str, list[float]] = {}
        for number in range(3 * others):
            appended.setdefault(self.reply(f"thread {number % others}").subject or "", []).append(loop.time())
            await asyncio.sleep(80.0 / (3 * others))
        await self.settle()
        names = {whatsapp_name(name) for name in flooded}
        waits = [at - appended[customer].pop(0) for at, customer in self.granted if customer not in names]
        arrived = [arrival.name for arrival in self.world.books.arrivals if arrival.accepted]
        return Flood(
            refused=self.refused,
            last=max(at for at, customer in self.granted if customer in names),
            in_order=all([name for name in arrived if name in ids] == ids for ids in flooded.values()),
            waits=waits,
        )


@dataclass(frozen=True)
class Flood:
    """What became of the threads with too many messages, and of the others."""

    refused: int
    #: When the last of too many messages was granted.
    last: float
    in_order: bool
    #: Of the others' messages.
    waits: list[float]


#: Longest wait of a thread that is not at fault.
PROMPTLY = 1.0


def test_a_pair_rate_stops_only_its_own_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as what waits in the threads that it stops leaves places to the others."""
    stage = PairStage(monkeypatch)
    outcome = stage.play(lambda: stage.course(flood=28))
    print(
        f"refused {outcome.refused}, the flood was over after {outcome.last:.0f} s, others {max(outcome.waits):.1f} s"
    )
    assert outcome.refused > 5
    assert outcome.last > 60.0
    assert outcome.in_order
    assert len(outcome.waits) == 120
    assert max(outcome.waits) <= PROMPTLY


def test_a_pair_rate_stops_only_its_own_thread_however_much_waits_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits in one thread must not take every place of the destination."""
    stage = PairStage(monkeypatch)
    outcome = stage.play(lambda: stage.course(flood=60))
    print(f"the flood was over after {outcome.last:.0f} s, others {max(outcome.waits):.1f} s")
    assert outcome.in_order
    assert max(outcome.waits) <= PROMPTLY
    # Though the sweep has come to the end and rests, it does not oversleep what the live stream brings.
    assert median(outcome.waits) <= LONGEST_REST / 10


def test_the_throughput_of_a_number_is_used_when_whatsapp_counts_by_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which it may: the limit is documented in messages a second."""
    stage = NumberStage(1.0, monkeypatch)

    async def course() -> float:
        # The bucket exists and fills up.
        stage.reply("thread 0")
        await asyncio.sleep(10.0)
        stage.granted.clear()
        return await stage.course()

    used = stage.play(course)
    print(f"used {used:.3f}, refused {stage.refused}")
    assert used >= ENOUGH
    assert stage.refused == 0
