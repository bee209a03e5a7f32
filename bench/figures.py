"""A figure: the ratio of two rates, measured in alternating rounds of one run."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

RESULTS = Path(__file__).parent / "results"

#: Runs once and returns a rate (events or requests a second).
Measure = Callable[[], Awaitable[float]]


class Figure(NamedTuple):
    """One ratio; ``numerator`` and ``denominator`` are medians of the rounds, ``ratio`` that of their ratios."""

    name: str
    numerator: float
    denominator: float
    ratio: float
    rounds: int
    min: float
    max: float

    def __str__(self) -> str:
        """For a person."""
        spread = f"{self.min:.2f} to {self.max:.2f} in {self.rounds} rounds"
        return f"{self.name}: {self.ratio:.2f} ({spread}; {self.numerator:,.4g} beside {self.denominator:,.4g})"

    def save(self) -> None:
        """Write it under ``bench/results``."""
        RESULTS.mkdir(exist_ok=True)
        shown: dict[str, Any] = {
            name: round(value, 4) if isinstance(value, float) else value for name, value in self._asdict().items()
        }
        (RESULTS / f"{self.name}.json").write_text(json.dumps(shown, indent=1) + "\n")


async def alternate(measures: Mapping[str, Measure], rounds: int) -> dict[str, list[float]]:
    """The rates of every measure, round by round; each round begins with another one."""
    names = list(measures)
    rates: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            rate = await measures[name]()
            rates[name].append(rate)
            print(f"  round {number + 1}: {name} {rate:,.0f}/s", flush=True)
    return rates


def figure(name: str, numerator: list[float], denominator: list[float]) -> Figure:
    """The figure of two lists of rates, of which those of one round stand beside each other."""
    ratios = [one / other for one, other in zip(numerator, denominator, strict=True)]
    return Figure(name, median(numerator), median(denominator), median(ratios), len(ratios), min(ratios), max(ratios))


def keep(figures: Iterable[Figure]) -> None:
    """Save and print them."""
    for each in figures:
        each.save()
        print(each, flush=True)
