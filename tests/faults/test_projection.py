"""The projection worker killed, stopped and woken, its database and its cache taken away: log and tables stay equal."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
import redis

from tests.acceptance.stage import Stage
from tests.acceptance.system import until
from tests.acceptance.talk import Talk
from tests.faults.worker import Worker
from tests.integration.projections.positions import assert_owned_in_turns, watch_positions
from tests.integration.projections.support import rows
from tests.seed import chosen_seed

_EPOCHS = "SELECT topic, partition, epoch FROM relaylog.position WHERE generation = 1"


@pytest.fixture
def dice() -> random.Random:
    """Of this run's seed."""
    return random.Random(chosen_seed())


@pytest.fixture(scope="module", autouse=True)
def watched(stage: Stage) -> None:
    """Every move of a position is kept from here on."""
    asyncio.run(watch_positions(stage.running["postgres"]))


@pytest.fixture
def start_second(stage: Stage, tmp_path: Path) -> Iterator[Callable[[], Worker]]:
    """Starts a second `project` beside the one of `up`; it is gone after the test."""
    with ExitStack() as started:

        def start() -> Worker:
            worker = Worker(stage, tmp_path / "second.log", "project")
            started.callback(worker.end)
            return worker

        yield start


def epochs(stage: Stage) -> dict[tuple[str, int], str]:
    """Who may move each position now."""
    found = asyncio.run(rows(stage.running["postgres"], _EPOCHS))
    return {(topic, partition): str(epoch) for topic, partition, epoch in found}


def all_taken_over(stage: Stage, before: dict[tuple[str, int], str]) -> bool:
    """Whether every position has another owner than before."""
    now = epochs(stage)
    return all(now[position] != epoch for position, epoch in before.items())


def assert_true(stage: Stage, *, look_across: bool = False) -> None:
    """Everything said has arrived and is shown, log and tables agree, and nobody moved what was not theirs."""
    stage.judged(patience=120, look_across=look_across)
    done = stage.command("verify")
    assert done.returncode == 0, done.stdout + done.stderr
    changes = asyncio.run(assert_owned_in_turns(stage.running["postgres"]))
    print(f"{done.stdout.strip()}; {changes} changes of owners so far")


def test_a_worker_stopped_past_its_session_commits_nothing_when_it_wakes(
    stage: Stage, talk: Talk, start_second: Callable[[], Worker], dice: random.Random
) -> None:
    second = start_second()
    talk.say_until("a share of the partitions at the second worker", second.is_ready, 60)
    for round in range(2):
        before, zombie = epochs(stage), stage.pid("project")
        talk.say(dice.randrange(5, 30))
        time.sleep(dice.random() * 0.1)
        os.kill(zombie, signal.SIGSTOP)
        try:
            talk.say_until("all partitions at the second worker", partial(all_taken_over, stage, before), 60)
            talk.say(15)
            woken = epochs(stage)
        finally:
            os.kill(zombie, signal.SIGCONT)
        talk.say(15)
        until("the woken worker to have a share again", partial(all_taken_over, stage, woken), 60)
        print(f"round {round}: woken")
    assert second.terminate() == 0
    assert_true(stage)


def test_a_worker_killed_at_any_moment(stage: Stage, talk: Talk, dice: random.Random) -> None:
    for _ in range(5):
        talk.say(dice.randrange(1, 15))
        time.sleep(dice.random() * 0.2)
        stage.wait_restarted("project", stage.kill("project"))
    assert_true(stage)


def test_two_workers_join_and_die_in_turns(
    stage: Stage, talk: Talk, start_second: Callable[[], Worker], dice: random.Random
) -> None:
    for _ in range(2):
        second = start_second()
        talk.say_until("a share of the partitions at the second worker", second.is_ready, 60)
        if dice.random() < 0.5:
            former = stage.kill("project")
            second.end()
            stage.wait_restarted("project", former)
        else:
            second.end()
        talk.say(10)
    assert_true(stage)


def test_postgres_killed_under_the_worker(stage: Stage, talk: Talk, dice: random.Random) -> None:
    for _ in range(3):
        talk.say(dice.randrange(5, 20))
        stage.wait_restarted("postgres", stage.kill("postgres"))
    assert_true(stage)


def test_redis_flushed_and_killed(stage: Stage, talk: Talk, dice: random.Random) -> None:
    for _ in range(4):
        talk.say(dice.randrange(5, 20))
        if dice.random() < 0.5:
            redis.from_url(stage.running["redis"]).flushall()
        else:
            stage.wait_restarted("redis", stage.kill("redis"))
    assert_true(stage, look_across=True)
