"""The projection worker is killed around its transaction, the sender is asked to stop: the tables stay true."""

from __future__ import annotations

import pytest

from tests.acceptance.stage import Stage
from tests.acceptance.talk import Talk
from tests.history.__main__ import main

pytest_plugins = ["tests.acceptance.stages"]

#: A busy machine must not look like a platform that does not answer.
SETTINGS = {"RELAYLOG_CALL_TIMEOUT": "10"}
POINTS = (
    *("project_before_transaction", "project_inside_transaction", "project_before_commit"),
    *("project_after_commit", "project_after_cache"),
)


@pytest.mark.parametrize("point", POINTS)
def test_a_projection_killed_at(point: str, stage: Stage, talk: Talk) -> None:
    former = stage.pid("project")
    talk.say(20)
    stage.arm(point)
    talk.say_until(f"the crash at {point}", stage.fired)
    talk.say(10)
    stage.wait_restarted("project", former)
    talk.say(10)
    _, report = stage.judged(patience=60)
    assert not report.ambiguous, "the sender was not touched"


def test_what_is_cached_is_what_is_stored(stage: Stage, talk: Talk) -> None:
    talk.say(5)
    history, _ = stage.judged(look_across=True)
    assert main([str(stage.up.running_file)]) == 0
    for row in history.rows:
        shown = stage.message(row.id, row.tenant, status=row.status)
        assert (shown["text"], shown["whatsapp_id"], shown["genesys_id"]) == (row.text, row.whatsapp_id, row.genesys_id)


def test_a_sender_that_is_asked_to_stop_leaves_nothing_ambiguous(stage: Stage, talk: Talk) -> None:
    talk.say(30)
    stage.wait_restarted("agents", stage.terminate("agents"))
    talk.say(10)
    _, report = stage.judged()
    assert not report.ambiguous
