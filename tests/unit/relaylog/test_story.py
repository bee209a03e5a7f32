"""How a demo is told, and what it says where nobody looks on."""

from __future__ import annotations

import io

import pytest
from rich.console import Console as RichConsole

from relaylog.console import Console
from relaylog.story import Missed, Story


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def console(output: io.StringIO) -> Console:
    return Console(RichConsole(file=output, highlight=False, soft_wrap=True))


async def test_what_is_awaited_is_looked_for_until_it_is_seen(console: Console, output: io.StringIO) -> None:
    answers = iter([None, None, 4711])

    async def probe() -> int | None:
        return next(answers)

    story = Story(console, patience=30.0)
    assert await story.expect("the meter", probe, lambda found: f"http://127.0.0.1/{found}") == 4711
    assert story.summary()
    assert "✓ the meter\n      http://127.0.0.1/4711\n" in output.getvalue()
    assert "all 1 steps seen" in output.getvalue()


async def test_what_is_not_seen_in_time_is_named(console: Console, output: io.StringIO) -> None:
    async def probe() -> None:
        return None

    story = Story(console, patience=0.0)
    with pytest.raises(Missed, match="the parcel"):
        await story.expect("the parcel", probe)
    assert not story.summary()
    assert "✗ not seen within 0 s: the parcel" in output.getvalue()
    assert "0 steps seen, then missed: the parcel" in output.getvalue()


def test_without_a_terminal_there_are_no_control_codes_and_no_wrapping(console: Console, output: io.StringIO) -> None:
    console.title("Starting")
    console.progress("x" * 300)
    console.seen("[red]kept as it is[/red]", "http://127.0.0.1:8080/v1/messages")
    text = output.getvalue()
    assert "\x1b" not in text
    assert "x" * 300 in text
    assert "[red]kept as it is[/red]" in text
