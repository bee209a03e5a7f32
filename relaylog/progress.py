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
    rate = TextColumn("{task.fields[rate]}")
    columns = (text, BarColumn(), MofNCompleteColumn(), rate, TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bars:
        phases: dict[str, TaskID] = {}

        def report(step: Step) -> None:
            if step.phase not in phases:
                phases[step.phase] = bars.add_task(step.phase, total=step.total, rate="")
            bars.update(phases[step.phase], completed=step.done, total=step.total, rate=_rate(step))

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
        line = f"{step.phase}: {step.done} of {step.total} ({percent} %)"
        rest = [text for text in (_rate(step), _left(step)) if text]
        self._console.print(", ".join([line, *rest]), highlight=False, soft_wrap=True)


def _rate(step: Step) -> str:
    return f"{step.done / step.seconds:,.0f}/s" if step.done and step.seconds else ""


def _left(step: Step) -> str:
    if not step.done or not step.seconds or step.done >= step.total:
        return ""
    return f"{(step.total - step.done) * step.seconds / step.done:.0f} s left"
