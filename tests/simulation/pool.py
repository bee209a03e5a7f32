"""Runs seeds on all cores."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.simulation.scenario import Verdict, run_seed

#: What some seed of every run must have met, else the run shows nothing about it.
SOMETIMES = (
    "takeover during a sweep",
    "joined the live stream while facts arrived",
    "result of a zombie",
    "checkpoint of a zombie",
    "fenced",
    "claim by nobody",
    "zombie woke",
    "stopped at sender_before_call",
    "stopped at sender_after_answer",
    "stopped at sender_checkpoint",
    "cut off past its session",
    "leave",
    "kill",
    "sender_after_attempted",
    "sender_before_call",
    "sender_after_answer",
    "sender_sweeping",
    "sender_checkpoint",
    "sender_falling_behind",
    "sender_joining",
    "commit far ahead",
    "commit far behind",
    "live stream jumped ahead",
    "live stream jumped back",
    "live stream silent",
    "broker away",
    "late copy looked up",
    "copy after its first fact was removed",
    "retention",
    "gap",
    "circuit opened",
    "probe failed",
    "ambiguous part of a long message",
    "unanswered, then found at genesys",
    "unanswered, then not there at genesys",
    "unanswered, then found at whatsapp",
    "order wait for what a former owner sent",
    "held",
    "dead_lettered",
    "expired",
    "redriven",
    "redriven together",
    "said behind a redrive",
    "receipt",
    "shown in time",
    "order wait over",
    "notice of an outage",
    "no room for another notice",
    "told of two outages",
    "ended itself",
    "paused",
    "thread passed over",
    "budget used up",
)


@dataclass
class Summary:
    """Of many seeds."""

    seeds: int = 0
    calls: int = 0
    bad: list[Verdict] = field(default_factory=list)
    #: How many seeds met each thing.
    reached: Counter[str] = field(default_factory=Counter)

    def add(self, verdict: Verdict) -> None:
        self.seeds += 1
        self.calls += verdict.calls
        self.reached.update(verdict.reached.keys())
        if verdict.violations:
            self.bad.append(verdict)

    @property
    def missed(self) -> list[str]:
        """What no seed met, though every run must."""
        return [what for what in SOMETIMES if not self.reached[what]]


@contextmanager
def cores() -> Iterator[ProcessPoolExecutor]:
    """One process a core."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context, initializer=_prepare) as pool:
        yield pool


def run_seeds(pool: ProcessPoolExecutor, seeds: Iterable[int]) -> Iterator[Verdict]:
    """The verdicts, in the order of the seeds."""
    yield from pool.map(run_seed, seeds, chunksize=10)


def _prepare() -> None:
    # Its clock is virtual, so it can wait for what runs beside it on a real one.
    os.nice(10)
    logging.disable(logging.CRITICAL)
    # A seed leaves little behind; looking for it after every few hundred objects costs more than keeping it.
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
