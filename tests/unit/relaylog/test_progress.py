"""Progress of long work where nobody looks on: a few lines, not one for each step."""

from __future__ import annotations

import io

from rich.console import Console

from projections.replay import Progress
from relaylog.progress import shown_progress


def lines(*steps: Progress) -> list[str]:
    output = io.StringIO()
    with shown_progress(Console(file=output)) as report:
        for step in steps:
            report(step)
    return output.getvalue().splitlines()


def test_a_long_phase_gives_a_line_for_each_tenth() -> None:
    shown = lines(*(Progress("folding the log", done, 1000, 1.0) for done in range(1001)))
    assert len(shown) == 11
    assert shown[0] == "folding the log: 0 of 1000 (0 %)"
    assert shown[-1] == "folding the log: 1000 of 1000 (100 %), 1,000/s"


def test_a_line_says_the_rate_and_the_time_left() -> None:
    assert lines(Progress("folding", 500, 2000, 2.0)) == ["folding: 500 of 2000 (25 %), 250/s, 6 s left"]


def test_an_empty_phase_is_done_at_once() -> None:
    assert lines(Progress("folding the log", 0, 0, 0.0)) == ["folding the log: 0 of 0 (100 %)"]


def test_every_phase_begins_a_line_of_its_own() -> None:
    assert len(lines(Progress("one", 5, 10, 1.0), Progress("other", 5, 10, 1.0))) == 2


def test_on_a_terminal_there_is_a_bar() -> None:
    output = io.StringIO()
    with shown_progress(Console(file=output, force_terminal=True, width=100)) as report:
        report(Progress("folding the log", 5, 10, 1.0))
    assert "5/10" in output.getvalue()
    assert "5/s" in output.getvalue()
