"""Tables are rebuilt from the log and compared with it, on a living system, and nobody is called."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from subprocess import CompletedProcess

import pytest

from tests.acceptance.stage import Stage
from tests.acceptance.tables import alter_text
from tests.acceptance.talk import Talk
from tests.history.history import History, Row

pytest_plugins = ["tests.acceptance.stages"]


def rows_of(history: History) -> list[Row]:
    return sorted(history.rows, key=lambda row: row.id)


def attempts_in(history: History) -> int:
    return sum(record.value["type"] == "delivery.attempted" for record in history.outcomes)


def succeed(done: CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_replay_shows_the_same_and_calls_nobody(stage: Stage, talk: Talk) -> None:
    talk.say(60)
    before, _ = stage.judged()
    succeed(stage.command("replay"))
    after, _ = stage.judged()
    assert rows_of(after) == rows_of(before)
    assert after.calls == before.calls
    assert attempts_in(after) == attempts_in(before)


@pytest.mark.slow
def test_people_may_talk_while_tables_are_rebuilt_and_verified(stage: Stage, talk: Talk) -> None:
    with ThreadPoolExecutor() as threads:
        for tool in ("replay", "verify"):
            running = threads.submit(stage.command, tool)
            talk.say_until(f"the end of {tool}", running.done, patience=60)
            succeed(running.result())
    stage.judged(look_across=True)


def test_verify_names_the_row_and_the_field_that_differ(stage: Stage, talk: Talk) -> None:
    talk.say(5)
    history, _ = stage.judged()
    succeed(stage.command("verify"))
    row = history.rows[0]
    alter_text(stage.running["postgres"], row.id, "altered by hand")
    done = stage.command("verify")
    assert done.returncode == 1
    assert row.id in done.stdout and "text" in done.stdout
    repaired = succeed(stage.command("repair"))
    assert row.id in repaired and "1 rows rewritten" in repaired
    succeed(stage.command("verify"))
    stage.judged()


@pytest.mark.slow
def test_a_tenants_part_is_rebuilt_alone(stage: Stage, talk: Talk) -> None:
    talk.say(5)
    history, _ = stage.judged()
    by_tenant = {row.tenant: row for row in history.rows}
    for row in by_tenant.values():
        alter_text(stage.running["postgres"], row.id, "altered by hand")
    assert "1 rows rewritten" in succeed(stage.command("replay", "--tenant", "acme"))
    assert "1 rows rewritten" in succeed(stage.command("replay", "--since", "2020-01-01"))
    succeed(stage.command("verify"))
    stage.judged()
