"""Tables are rebuilt from the log and compared with it, on a living system, and nobody is called."""

from __future__ import annotations

import pytest

from tests.acceptance.commands import Commands
from tests.acceptance.stage import Stage
from tests.acceptance.talk import Talk
from tests.history.history import History, Row

pytestmark = pytest.mark.acceptance


def rows_of(history: History) -> list[Row]:
    return sorted(history.rows, key=lambda row: row.id)


def test_a_replay_shows_the_same_and_calls_nobody(stage: Stage, talk: Talk, commands: Commands) -> None:
    talk.say(60)
    before, report = stage.settled()
    assert report.clean, str(report)
    done = commands.run("replay")
    assert done.returncode == 0, done.stdout
    after, report = stage.settled()
    assert report.clean, str(report)
    assert rows_of(after) == rows_of(before)
    assert after.calls == before.calls
    assert attempts_in(after) == attempts_in(before)


def attempts_in(history: History) -> int:
    return sum(record.value["type"] == "delivery.attempted" for record in history.outcomes)


def test_people_may_talk_while_tables_are_rebuilt_and_verified(stage: Stage, talk: Talk, commands: Commands) -> None:
    with commands.started("replay") as replay:
        talk.say_until("the end of the replay", lambda: replay.poll() is not None, patience=60)
    assert replay.returncode == 0
    with commands.started("verify") as verify:
        talk.say_until("the end of the verification", lambda: verify.poll() is not None, patience=60)
    assert verify.returncode == 0
    _, report = stage.settled(look_across=True)
    assert report.clean, str(report)


def test_verify_names_the_row_and_the_field_that_differ(stage: Stage, talk: Talk, commands: Commands) -> None:
    talk.say(5)
    history, _ = stage.settled()
    assert commands.run("verify").returncode == 0
    row = history.rows[0]
    commands.alter_text(row.id, "altered by hand")
    done = commands.run("verify")
    assert done.returncode == 1
    assert row.id in done.stdout and "text" in done.stdout
    assert commands.run("replay").returncode == 0
    assert commands.run("verify").returncode == 0
    _, report = stage.settled()
    assert report.clean, str(report)
