"""A sender is stopped past its session and woken, or killed, while another takes over."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.acceptance.stage import QUICK, Stage
from tests.acceptance.system import UpProcess, until
from tests.acceptance.talk import Talk
from tests.faults.platforms import weather
from tests.faults.worker import Worker, partitions
from tests.history.history import History

#: So soon after a SIGKILL somebody else must own its partitions.
TAKEOVER_SECONDS = 15.0
PARTITIONS = 8


#: As in production: the promise is about the session that senders have unless told otherwise.
SETTINGS = QUICK | {"RELAYLOG_SESSION_TIMEOUT": "8"}


@pytest.fixture(scope="module")
def stage(start_up: Callable[..., UpProcess], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A system whose senders have the session of the default settings."""
    up = start_up("--no-demo", "--port-base", "0", **SETTINGS)
    up.wait_until_running()
    stage = Stage(up, tmp_path_factory.mktemp("crash") / "point")
    stage.raise_limits()
    yield stage
    stage.close()


@pytest.fixture
def start_second(stage: Stage, tmp_path: Path) -> Iterator[Callable[[], Worker]]:
    """Starts a second worker beside the one of `up`; it is gone after the test."""
    with ExitStack() as started:

        def start() -> Worker:
            worker = Worker(stage, tmp_path / "second.log", **SETTINGS)
            started.callback(worker.end)
            return worker

        yield start


def shared(stage: Stage, second: Worker) -> None:
    """Wait until both own partitions and together all of them."""
    own = stage.running["metrics"]["agents"]
    until(
        "all partitions, shared by both",
        lambda: 0 < second.partitions() < PARTITIONS and partitions(own) + second.partitions() == PARTITIONS,
        60.0,
    )


def in_flight(stage: Stage) -> int:
    """Calls that arrived and are not answered yet."""
    return len(stage.calls("genesys", status=None)) + len(stage.calls("whatsapp", status=None))


def takeovers_since(history: History, moment: float) -> dict[int, float]:
    """First takeover of each partition since a Unix time, in seconds after it."""
    found: dict[int, float] = {}
    for record in history.outcomes:
        if record.value.get("type") == "sender.took_over" and record.timestamp >= moment * 1000:
            found.setdefault(record.partition, record.timestamp / 1000 - moment)
    return found


def owners(history: History, moment: float) -> dict[int, str]:
    """Who had taken over each partition last, at a Unix time."""
    taken = [record for record in history.outcomes if record.value.get("type") == "sender.took_over"]
    before = sorted((r for r in taken if r.timestamp < moment * 1000), key=lambda record: record.offset)
    return {record.partition: record.value["data"]["sender"] for record in before}


def left_open(history: History, moment: float) -> set[tuple[int, int]]:
    """(partition, offset of the fact) of attempts that had no result yet, at a Unix time."""
    open_: set[tuple[int, int]] = set()
    for record in sorted(history.outcomes, key=lambda record: (record.partition, record.offset)):
        if record.timestamp < moment * 1000 and str(record.value.get("type")).startswith("delivery."):
            fact = (record.partition, record.value["data"]["offset"])
            (open_.add if record.value["type"] == "delivery.attempted" else open_.discard)(fact)
    return open_


def test_a_woken_sender_makes_no_call_that_its_successor_could_not_see(
    stage: Stage, talk: Talk, start_second: Callable[[], Worker]
) -> None:
    talk.say(20)
    weather(stage, 1, {"match": {}, "do": "delay 0.7"})
    talk.say(20)
    talk.say_until("several calls in flight", lambda: in_flight(stage) >= 3)
    zombie, stopped_at = stage.pid("agents"), time.time()
    os.kill(zombie, signal.SIGSTOP)
    try:
        second = start_second()
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
    assert len(taken) == PARTITIONS
    assert left_open(history, stopped_at), "calls were in flight when the sender was stopped"


def test_a_woken_sender_owns_everything_again_when_the_other_leaves(
    stage: Stage, talk: Talk, start_second: Callable[[], Worker]
) -> None:
    own, zombie = stage.running["metrics"]["agents"], stage.pid("agents")
    os.kill(zombie, signal.SIGSTOP)
    try:
        second = start_second()
        second.wait_until_it_owns(PARTITIONS)
    finally:
        os.kill(zombie, signal.SIGCONT)
    talk.say_until("a share of the partitions at the woken sender", lambda: second.partitions() < PARTITIONS)
    assert second.terminate() == 0
    until("all partitions at the woken sender", lambda: partitions(own) == PARTITIONS, 60.0)
    stage.judged(patience=120)


def test_a_second_sender_that_joins_and_leaves_disturbs_nothing(
    stage: Stage, talk: Talk, start_second: Callable[[], Worker]
) -> None:
    second = start_second()
    talk.say_until("a share of the partitions at the second worker", lambda: second.partitions() > 0)
    talk.say(20)
    assert second.terminate() == 0
    own = stage.running["metrics"]["agents"]
    until("all partitions at the sender that stays", lambda: partitions(own) == PARTITIONS, 60.0)
    talk.say(20)
    stage.judged(patience=120)


def test_a_killed_sender_is_replaced_within_the_time_promised(
    stage: Stage, talk: Talk, start_second: Callable[[], Worker]
) -> None:
    joined_at = time.time()
    shared(stage, start_second())
    talk.say(20)
    killed_at = time.time()
    former = stage.kill("agents")
    talk.say(20)
    stage.wait_restarted("agents", former)
    history, _ = stage.judged(patience=120)
    [killed] = set(owners(history, joined_at).values())
    orphaned = {partition for partition, owner in owners(history, killed_at).items() if owner == killed}
    taken = takeovers_since(history, killed_at)
    print(f"seconds from SIGKILL to each takeover: {taken}; orphaned were {sorted(orphaned)}")
    assert 0 < len(orphaned) < PARTITIONS
    assert orphaned <= taken.keys()
    assert max(taken[partition] for partition in orphaned) <= TAKEOVER_SECONDS
