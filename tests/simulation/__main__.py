"""`python -m tests.simulation --seeds N [--first SEED]`: run seeds, print every violation, exit 1 if there is one."""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.scenario import Verdict, run_seed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many")
    parser.add_argument("--first", type=int, default=None, help="the first seed; a random one when left out")
    arguments = parser.parse_args()
    first = secrets.randbelow(2**31) if arguments.first is None else arguments.first
    print(f"seeds {first} to {first + arguments.seeds - 1}", flush=True)
    started, reached, calls, bad = time.monotonic(), Counter[str](), 0, 0
    with ProcessPoolExecutor(os.cpu_count(), initializer=_quiet) as pool:
        for verdict in pool.map(run_seed, range(first, first + arguments.seeds), chunksize=10):
            reached.update(verdict.reached)
            calls += verdict.calls
            bad += bool(verdict.violations)
            _report(verdict)
    print(f"{arguments.seeds} seeds, {calls} calls, {bad} with violations, {time.monotonic() - started:.0f} s")
    for name, count in sorted(reached.items()):
        print(f"  reached {name}: {count}")
    return 1 if bad else 0


def _report(verdict: Verdict) -> None:
    for violation in verdict.violations[:5]:
        print(f"seed {verdict.seed}: {violation}", flush=True)


def _quiet() -> None:
    logging.disable(logging.CRITICAL)


if __name__ == "__main__":
    sys.exit(main())
