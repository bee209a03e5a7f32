"""`python -m tests.history RUNNING_JSON`: judge a running system; exit code 1 when something is wrong."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from tests.history.checker import check
from tests.history.collect import collect


def main(arguments: list[str]) -> int:
    """Print the report of the system that the file describes."""
    if len(arguments) != 1:
        print("usage: python -m tests.history RUNNING_JSON", file=sys.stderr)
        return 2
    report = check(asyncio.run(collect(json.loads(Path(arguments[0]).read_text()))))
    print(report)
    return 0 if report.clean else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
