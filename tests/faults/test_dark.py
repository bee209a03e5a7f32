"""One tenant's platforms are dark, and the sender is killed in each state that the tenant goes through."""

from __future__ import annotations

from tests.acceptance.stage import Stage
from tests.acceptance.system import until
from tests.acceptance.talk import Talk
from tests.faults.platforms import dark, weather
from tests.faults.worker import total

DARK = "acme"
#: Enough for more to wait in the log than the sender keeps in memory for its probes.
BACKLOG = 120


def behind(stage: Stage) -> float:
    """Destinations that are behind."""
    return total(stage.metrics("agents"), "relaylog_sender_destinations", state="behind")


def owned(stage: Stage) -> float:
    return total(stage.metrics("agents"), "relaylog_sender_partitions")


def killed(stage: Stage) -> None:
    """SIGKILL now, and a successor that owns everything."""
    stage.wait_restarted("agents", stage.kill("agents"))
    until("every partition at the successor", lambda: owned(stage) == 8)


def test_a_sender_killed_in_each_state_of_a_dark_tenant(stage: Stage, talk: Talk) -> None:
    talk.say(20)
    until("everybody live", lambda: behind(stage) == 0)
    killed(stage)

    until("everybody live", lambda: behind(stage) == 0)
    stage.arm("sender_falling_behind")
    former = stage.pid("agents")
    weather(stage, 1, *dark(DARK))
    talk.say_until("the crash while it falls behind", stage.fired, 90.0)
    stage.wait_restarted("agents", former)

    talk.say(BACKLOG)
    until("nobody behind but the dark one", lambda: 0 < behind(stage) <= 2)
    killed(stage)

    former = stage.pid("agents")
    stage.arm("sender_sweeping")
    stage.kill("agents")
    talk.say_until("the crash while it sweeps", stage.fired, 90.0)
    stage.wait_restarted("agents", former)
    until("nobody behind but the dark one", lambda: owned(stage) == 8 and 0 < behind(stage) <= 2, 60.0)

    former = stage.pid("agents")
    stage.arm("sender_joining")
    weather(stage, 1)
    talk.say_until("the crash while it joins the live stream again", stage.fired, 90.0)
    stage.wait_restarted("agents", former)

    talk.say(20)
    _, report = stage.judged(patience=120)
    print(f"ambiguous {len(report.ambiguous)}, twice {len(report.repeated)}")
    until("everybody live again", lambda: behind(stage) == 0)
