"""A few hundred seeds, other ones each time, and proof that the simulation notices a missing rule."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.seed import chosen_seed
from tests.simulation.mutants import MUTANTS, mutated
from tests.simulation.scenario import run_seed

SEEDS = 200
#: What some seed of each run must have met, else the simulation shows nothing about it.
SOMETIMES = (
    "zombie woke",
    "cut off past its session",
    "commit far ahead",
    "commit far behind",
    "broker away",
    "circuit opened",
    "probe failed",
    "looked up: found",
    "looked up: not there",
)
#: Enough, from seed 0 on, for each mutant to be caught.
SEEDS_FOR_A_MUTANT = 1000
#: Each showed a fault of the sender once, or of the design.
REMEMBERED = (1, 26, 40, 72, 79, 150, 1756, 1796, 2161, 2832)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_no_seed_breaks_the_promise() -> None:
    first = chosen_seed()
    reached = Counter[str]()
    for seed in range(first, first + SEEDS):
        verdict = run_seed(seed)
        assert verdict.violations == [], f"seed {seed}"
        reached.update(verdict.reached)
    for what in SOMETIMES:
        assert reached[what] > 0, f"no seed reached: {what}"


@pytest.mark.parametrize("seed", REMEMBERED)
def test_what_was_found_once_stays_mended(seed: int) -> None:
    assert run_seed(seed).violations == []


@pytest.mark.parametrize("name", MUTANTS)
def test_a_missing_rule_is_noticed(name: str) -> None:
    with mutated(name):
        assert any(_breaks(seed) for seed in range(SEEDS_FOR_A_MUTANT)), f"nobody noticed: {name}"


def _breaks(seed: int) -> bool:
    try:
        return bool(run_seed(seed).violations)
    except AssertionError:
        return True
