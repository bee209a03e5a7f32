"""`python -m tests.simulation --seeds N [--first SEED]`: run seeds, print every violation.

Exits with 1 when there is one, or when something that every run must meet was met by no seed.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tests.simulation.pool import SOMETIMES, Summary, cores, run_seeds
from tests.simulation.scenario import Verdict

#: Fewer seeds need not meet everything.
ENOUGH = 2000
#: Without a terminal, a line of progress each so many seconds.
LINE_EACH = 30.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=ENOUGH, help="how many")
    parser.add_argument("--first", type=int, default=None, help="the first seed; a random one when left out")
    arguments = parser.parse_args()
    first = secrets.randbelow(2**31) if arguments.first is None else arguments.first
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"seeds {first} to {first + arguments.seeds - 1}")
    started = time.monotonic()
    summary = _run(console, range(first, first + arguments.seeds))
    _print(console, summary, time.monotonic() - started)
    if summary.missed and summary.seeds >= ENOUGH:
        console.print(f"no seed met: {', '.join(summary.missed)}")
        return 1
    return 1 if summary.bad else 0


def _run(console: Console, seeds: range) -> Summary:
    summary, next_line = Summary(), time.monotonic() + LINE_EACH
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with cores() as pool, Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task("seeds", total=len(seeds))
        for verdict in run_seeds(pool, seeds):
            summary.add(verdict)
            _report(console, verdict)
            progress.advance(task)
            if not console.is_terminal and time.monotonic() >= next_line:
                next_line = time.monotonic() + LINE_EACH
                console.print(f"{summary.seeds} seeds, {summary.calls} calls, {len(summary.bad)} with violations")
    return summary


def _report(console: Console, verdict: Verdict) -> None:
    for violation in verdict.violations[:5]:
        console.print(f"seed {verdict.seed}: {violation}", markup=False)


def _print(console: Console, summary: Summary, seconds: float) -> None:
    rate = summary.seeds / seconds
    counts = f"{summary.seeds} seeds, {summary.calls} calls, {len(summary.bad)} with violations"
    console.print(f"{counts}, {seconds:.0f} s, {rate:.1f} seeds/s")
    for name in sorted(summary.reached.keys() | set(SOMETIMES)):
        console.print(f"  {summary.reached[name]} seeds met: {name}", markup=False)


if __name__ == "__main__":
    sys.exit(main())
