"""Kafka is away for longer than Genesys's patience: what agents said meanwhile is lost, and the report names it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.acceptance.stage import Stage
from tests.acceptance.system import until
from tests.acceptance.talk import Talk
from tests.acceptance.test_servers_away import halted, taken, update
from tests.faults.platforms import restart_platforms
from tests.history.checker import check
from tests.history.history import History

#: Genesys asks six times over 85 s (genesys.md 4.3); here it asks three times within seconds.
IMPATIENT: dict[str, Any] = {"genesys_retries": 2, "genesys_retry_gap": 0.2, "genesys_timeout": 2.0}
SAID = 8


def test_the_report_names_each_agent_message_that_genesys_gave_up(
    stage: Stage, talk: Talk, record_property: Callable[[str, object], None]
) -> None:
    restart_platforms(stage, **IMPATIENT)
    stage.raise_limits()
    talk.say(20)
    stage.judged()
    with halted(stage, "kafka"):
        # What the gateway was appending when Kafka went may come into the log later; once it knows, it takes nothing.
        assert stage.webhook(*update(stage, "while Kafka goes")).status_code == 503
        away = {stage.agent_says(stage.new_customer(), f"while Kafka is away {n}") for n in range(SAID)}
        until("Genesys to give up", lambda: away <= {line["id"] for line in stage.lines("genesys", webhook="lost")})
    typing = update(stage, "after Kafka has come back")
    until("the gateway to take webhooks again", lambda: taken(stage, typing))
    talk.say(10)
    history = until("rest", lambda: _at_rest(stage), 90.0)
    report = check(history)
    record_property("lost to Genesys's patience", "\n".join(map(str, report.given_up)))
    listed = {finding.id for finding in report.given_up}
    assert listed == {line["id"] for line in stage.lines("genesys", webhook="lost")}
    assert listed >= away
    assert report.clean, str(report)


def _at_rest(stage: Stage) -> History | None:
    """Everything that was taken over has arrived: what is lost is not waited for."""
    history = stage.history(look_across=False)
    return history if check(history).clean and not stage.lines("genesys", webhook="pending") else None
