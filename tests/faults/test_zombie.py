"""A sender is stopped past its session and woken, or killed, while another takes over."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.stage import QUICK, Stage
from tests.acceptance.system import until
from tests.acceptance.talk import Talk
from tests.faults.platforms import weather
from tests.faults.worker import Worker, partitions
from tests.history.history import History

#: Issue 4, point 8.
TAKEOVER_SECONDS = 15.0
PARTITIONS = 8


@pytest.fixture
def second(stage: Stage, tmp_path: Path) -> Iterator[Worker]:
    """A second worker that shares the partitions with the one of `up`."""
    worker = Worker(stage, tmp_path / "second.log", **QUICK)
    yield worker
    worker.end()


def shared(stage: Stage, second: Worker) -> None:
    """Wait until both own partitions and together all of them."""
    own = stage.running["metrics"]["agents"]
    until(
        "all partitions, shared by both",
        lambda: 0 < second.partitions() < PARTITIONS and partitions(own) + second.partitions() == PARTITIONS,
        60.0,
    )


def takeovers_since(history: History, moment: float) -> dict[int, float]:
    """First takeover of each partition since a Unix time, in seconds after it."""
    found: dict[int, float] = {}
    for record in history.outcomes:
        if record.value.get("type") == "sender.took_over" and record.timestamp >= moment * 1000:
            found.setdefault(record.partition, record.timestamp / 1000 - moment)
    return found


def test_a_woken_sender_makes_no_call_that_its_successor_could_not_see(
    stage: Stage, talk: Talk, second: Worker
) -> None:
    shared(stage, second)
    talk.say(20)
    weather(stage, 1, {"match": {}, "do": "delay 0.7"})
    talk.say(40)
    zombie, owned, stopped_at = stage.pid("agents"), PARTITIONS - second.partitions(), time.time()
    os.kill(zombie, signal.SIGSTOP)
    try:
        talk.say(20)
        second.wait_until_it_owns(PARTITIONS)
        talk.say(20)
    finally:
        os.kill(zombie, signal.SIGCONT)
    talk.say(40)
    weather(stage, 1)
    history, report = stage.judged(patience=120)
    taken = takeovers_since(history, stopped_at)
    print(f"taken over after SIGSTOP: {taken}; ambiguous {len(report.ambiguous)}, twice {len(report.repeated)}")
    assert len(taken) >= owned


def test_a_second_sender_that_joins_and_leaves_disturbs_nothing(stage: Stage, talk: Talk, second: Worker) -> None:
    talk.say_until("a share of the partitions at the second worker", lambda: second.partitions() > 0)
    talk.say(20)
    assert second.terminate() == 0
    talk.say(20)
    stage.judged(patience=120)


def test_a_killed_sender_is_replaced_within_the_time_promised(stage: Stage, talk: Talk, second: Worker) -> None:
    shared(stage, second)
    talk.say(20)
    killed_at = time.time()
    former = stage.kill("agents")
    talk.say(20)
    stage.wait_restarted("agents", former)
    history, _ = stage.judged(patience=120)
    taken = takeovers_since(history, killed_at)
    slowest = max(taken.values())
    print(f"{len(taken)} partitions taken over, the last {slowest:.1f} s after SIGKILL")
    assert slowest <= TAKEOVER_SECONDS
