"""``make bench``: every figure, or those that are named; each in a process of its own, saved under bench/results/."""

from __future__ import annotations

import subprocess
import sys

#: Modules of this folder that measure, save and print when they are run.
BENCHES = (
    "gateway",
    "projection",
    "projection_growth",
    "projection_latency",
    "retention",
    "sender",
    "sender_latency",
    "volume",
)


def main(wanted: list[str]) -> int:
    """Run them one after the other; the exit status is the first that is not 0."""
    unknown = [name for name in wanted if name not in BENCHES]
    if unknown:
        print(f"no such figure: {', '.join(unknown)}; there are {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    statuses = [
        subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode for name in wanted or BENCHES
    ]
    return next((status for status in statuses if status), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
