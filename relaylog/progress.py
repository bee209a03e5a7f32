"""Shows how far long work is: a bar on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from projections.replay import Progress as Step

#: Without a terminal there is a line for each so many percent.
_PERCENT = 10


@contextmanager
def shown_progress(console: Console) -> Iterator[Callable[[Step], None]]:
    """What the work reports its steps to, phase by phase."""
    if console.is_terminal:
        with _bars(console) as report:
            yield report
    else:
        yield _Lines(console)


@contextmanager
def _bars(console: Console) -> Iterator[Callable[[Step], None]]:
    text = TextColumn("{task.description:18}")
    columns = (text, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bars:
        phases: dict[str, TaskID] = {}

        def report(step: Step) -> None:
            if step.phase not in phases:
                phases[step.phase] = bars.add_task(step.phase, total=step.total)
            bars.update(phases[step.phase], completed=step.done, total=step.total)

        yield report


class _Lines:
    """A line at the beginning and the end of each phase, and at every tenth of it between."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: tuple[str, int] | None = None

    def __call__(self, step: Step) -> None:
        percent = 100 if step.done >= step.total else 100 * step.done // step.total
        if self._last and self._last[0] == step.phase and percent // _PERCENT == self._last[1] // _PERCENT:
            return
        self._last = (step.phase, percent)
        self._console.print(f"{step.phase}: {step.done} of {step.total} ({percent} %)", highlight=False, soft_wrap=True)
