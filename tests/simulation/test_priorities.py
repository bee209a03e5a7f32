"""A whole sender under overload: what a customer sees goes first, within no thread anything overtakes, nobody starves.

What a delivery waits for once it is the first of its thread and has a place is bounded, for rank n, ``P`` places and a
budget of ``r`` calls a second, by ``n * AGEING + (P - 1) / r``: nobody who asks more than ``n * AGEING`` seconds later
stands before it, and of those who asked until then no more than the other places hold are left at that moment. What
stands before it in its own thread goes first, each within that time.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass

import pytest

from agents import rates, remotes
from agents.destination import Destination, Place
from agents.rates import AGEING
from schemas.delivery import Kind
from schemas.envelope import Envelope, decode_data
from schemas.events import StatusData
from tests.simulation import genesys
from tests.simulation.genesys import receipt_name
from tests.simulation.staged import Stage

CALLS_A_MINUTE = 300
PLACES = 64
#: One of so many facts demands a receipt.
ONE_OF = 7
FACTS = 1500
SECONDS = 200.0
#: As the documents have it, whatever the sender believes.
RANKS: dict[Kind, int] = {"message": 0, "receipt": 1}
#: On top of a bound: the way to the platform and back, and the end of a window, which is told in whole seconds.
SLACK = 1.5
#: The way to the platform differs by so much.
JITTER = 0.2


@dataclass(frozen=True)
class Course:
    """One delivery, in virtual seconds."""

    kind: Kind
    thread: str
    #: When it got its place.
    placed: float
    #: The kinds of those that held places before it in its thread.
    behind: tuple[Kind, ...]
    #: When it was the first of its thread and could ask for a permit.
    asked: float
    called: float

    @property
    def waited(self) -> float:
        """For its turn among the threads."""
        return self.called - self.asked


class MixedStage(Stage):
    """Messages and receipts of many threads, more of both than may be sent."""

    def __init__(self, threads: int, backlog: int, live: float, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(places=PLACES)
        self.use_clients(CALLS_A_MINUTE)
        # A refused token makes a delivery ask twice.
        monkeypatch.setattr(genesys, "REFUSED_TOKENS", 0.0)
        monkeypatch.setattr(Destination, "add", self._noting(Destination.add))
        self._threads, self._backlog, self._live = threads, backlog, live
        self._facts = 0
        #: By offset.
        self._placed: dict[int, float] = {}
        self._said: list[Envelope] = []

    def _noting(self, add: object) -> object:
        def noted(destination: Destination, place: Place) -> str | None:
            self._placed[place.offset] = asyncio.get_running_loop().time()
            return add(destination, place)  # type: ignore[operator, no-any-return]

        return noted

    def before(self) -> None:
        for _ in range(self._backlog):
            self._happen()

    def _happen(self) -> None:
        thread, is_receipt = f"thread {self._facts % self._threads}", self._facts % ONE_OF == 0
        self._said.append(self.show(thread) if is_receipt else self.say(thread))
        self._facts += 1

    async def course(self) -> None:
        """Bring what comes meanwhile."""
        loop = asyncio.get_running_loop()
        while loop.time() < SECONDS:
            await asyncio.sleep(1.0 / self._live if self._live else 1.0)
            if self._live:
                self._happen()

    def called(self) -> list[Course]:
        """Every delivery that was called, in the order of the calls."""
        self.play(self.course)
        called = {arrival.name: arrival.at for arrival in self.world.books.arrivals}
        threads: dict[str, list[Course]] = defaultdict(list)
        courses = []
        for offset, event in enumerate(self._said):
            name = _name_in_books(event)
            if name in called:
                thread, placed = threads[event.subject or ""], self._placed[offset]
                kind: Kind = "message" if event.type == "message.received" else "receipt"
                asked = max(placed, thread[-1].called) if thread else placed
                behind = tuple(former.kind for former in thread if former.called > placed)
                thread.append(Course(kind, event.subject or "", placed, behind, asked, called[name]))
                courses.append(thread[-1])
        assert len(courses) > 0.95 * (SECONDS - 10.0) * CALLS_A_MINUTE / 60.0
        return sorted(courses, key=lambda course: course.called)


def _name_in_books(event: Envelope) -> str:
    if event.type == "message.received":
        return event.id
    return receipt_name(str(decode_data(event, StatusData).genesys_id), event.time)


@dataclass(frozen=True)
class Mixed:
    """One run, with the calls in their order."""

    threads: int
    courses: list[Course]

    def bound(self, kind: Kind) -> float:
        """Longest wait of the first of a thread that has a place: one of each other thread may stand before it."""
        others = min(PLACES, self.threads) - 1
        return RANKS[kind] * AGEING + others * 60.0 / CALLS_A_MINUTE + SLACK

    def waits(self, kind: Kind) -> list[float]:
        """Of all deliveries of a kind, for their turn among the threads."""
        return [course.waited for course in self.courses if course.kind == kind]


def run(threads: int, backlog: int, live: float) -> Mixed:
    """Let a tenant have more to send than it may."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        return Mixed(threads, MixedStage(threads, backlog, live, monkeypatch).called())


#: Threads, facts in the log at the start, and facts a second that come later.
WAYS = {
    "a backlog": (90, FACTS, 0.0),
    "a live stream": (90, 0, 6.0),
    "a backlog and a live stream": (90, 500, 6.0),
    "a backlog of few threads": (15, FACTS, 0.0),
}


@pytest.fixture(scope="module", params=list(WAYS))
def mixed(request: pytest.FixtureRequest) -> Mixed:
    """What was called while the tenant had more to send than it may."""
    return run(*WAYS[request.param])


def mean(waits: list[float]) -> float:
    """Of a run's waits."""
    return sum(waits) / len(waits)


def test_messages_go_before_receipts_and_nobody_waits_beyond_the_bound(mixed: Mixed) -> None:
    for kind in RANKS:
        waits = mixed.waits(kind)
        print(f"{kind}: waited {mean(waits):.1f} s, {max(waits):.1f} s at most, bound {mixed.bound(kind):.1f} s")
        assert max(waits) <= mixed.bound(kind)
    assert mean(mixed.waits("message")) + 2.0 < mean(mixed.waits("receipt"))


def test_with_the_ranks_reversed_messages_would_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remotes, "RANK", {"message": 1, "receipt": 0})
    mixed = run(*WAYS["a backlog"])
    assert mean(mixed.waits("message")) > mean(mixed.waits("receipt")) + 2.0


def test_without_ageing_receipts_would_wait_beyond_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "AGEING", 1e9)
    mixed = run(*WAYS["a backlog"])
    print(f"without ageing a receipt waited {max(mixed.waits('receipt')):.1f} s")
    assert max(mixed.waits("receipt")) > mixed.bound("receipt") + 10.0


def test_whoever_has_a_place_is_called_within_the_bounds_of_those_before_it_in_its_thread(mixed: Mixed) -> None:
    longest = max(mixed.courses, key=lambda course: course.called - course.placed)
    print(f"{longest.called - longest.placed:.1f} s from place to call, behind {len(longest.behind)} of its thread")
    for course in mixed.courses:
        assert course.called - course.placed <= sum(map(mixed.bound, (*course.behind, course.kind)))


def test_a_receipt_stands_behind_messages_that_asked_soon_after_it_and_behind_no_later_ones(mixed: Mixed) -> None:
    furthest = -AGEING
    latest: dict[Kind, float] = {"message": -AGEING, "receipt": -AGEING}
    for course in mixed.courses:
        if course.kind == "receipt":
            # Messages that were called before it: when did the last of them ask?
            furthest = max(furthest, latest["message"] - course.asked)
            assert latest["message"] <= course.asked + AGEING + JITTER
        else:
            # No receipt overtakes a message, but for one that has waited for so long.
            assert latest["receipt"] <= course.asked - AGEING + JITTER
        latest[course.kind] = max(latest[course.kind], course.asked)
    print(f"overtaken by a message that asked {furthest:.2f} s later")
    assert furthest > 0.0


def test_within_a_thread_nothing_overtakes(mixed: Mixed) -> None:
    asked: dict[str, float] = defaultdict(float)
    for course in mixed.courses:
        assert course.asked >= asked[course.thread]
        asked[course.thread] = course.asked
