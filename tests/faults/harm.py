"""What can be done to a running system: each lasts until the system has what it needs again."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

from tests.acceptance.stage import QUICK, Stage
from tests.acceptance.system import until
from tests.acceptance.test_servers_away import halted
from tests.faults.platforms import Rule, weather
from tests.faults.worker import Worker

CRASH_POINTS = (
    "sender_after_attempted",
    "sender_before_call",
    "sender_after_answer",
    "sender_sweeping",
    "sender_checkpoint",
)
#: Seconds that a sender stays stopped: longer than its session.
STOPPED = float(QUICK["RELAYLOG_SESSION_TIMEOUT"]) + 4.0
#: Shorter than the 25 s in which Genesys asks again (genesys.md 4.3), restart included.
AWAY = 4.0
BAD_WEATHER: dict[str, tuple[Rule, ...]] = {
    # Too many tokens are told by 400, never by 429 (genesys.md section 1), so only what is sent meets it.
    "a storm of 429": (
        {"match": {"operation": "message"}, "do": "429", "share": 0.5},
        {"match": {"operation": "receipt"}, "do": "429", "share": 0.5},
    ),
    "a slow remote": ({"match": {}, "do": "delay 1.0", "share": 0.7},),
    "lost answers": (
        {"match": {}, "do": "drop answer", "share": 0.1},
        {"match": {"operation": "webhook"}, "do": "drop answer", "share": 0.1},
    ),
    "resets and 5xx": (
        {"match": {}, "do": "reset", "share": 0.1},
        {"match": {}, "do": "status 500", "share": 0.1},
    ),
}


class Harm:
    """Does one thing after the other; ``always`` are faults of the platforms that last throughout."""

    def __init__(self, stage: Stage, seed: int, always: list[Rule], logs: Path) -> None:
        self._stage, self._seed, self._always, self._logs = stage, seed, always, logs
        self._random = random.Random(seed)

    def clear_sky(self) -> None:
        """Only what lasts throughout."""
        weather(self._stage, self._seed, *self._always)

    def bad_weather(self, name: str, seconds: float = 10.0) -> None:
        """Faults of the platforms for a while."""
        weather(self._stage, self._seed, *self._always, *BAD_WEATHER[name])
        time.sleep(seconds)
        self.clear_sky()

    def crash(self, point: str) -> None:
        """The sender dies at a named point, and comes back."""
        former = self._stage.pid("agents")
        self._stage.arm(point)
        if point == "sender_sweeping":
            # Only who has just taken over sweeps for certain.
            self._stage.kill("agents")
        until(f"the crash at {point}", self._stage.fired, 60.0)
        self._stage.wait_restarted("agents", former)

    def kill(self) -> None:
        """SIGKILL at a moment that the seed chooses, and its successor soon after."""
        for _ in range(2):
            time.sleep(self._random.uniform(0.2, 2.0))
            former = self._stage.kill("agents")
            self._stage.wait_restarted("agents", former)

    def zombie(self) -> None:
        """A second worker joins, the first is stopped past its session and woken, the second leaves."""
        second = Worker(self._stage, self._logs / "second.log", **QUICK)
        try:
            second.wait_until_it_owns(1)
            zombie = self._stage.pid("agents")
            os.kill(zombie, signal.SIGSTOP)
            try:
                time.sleep(STOPPED)
                second.wait_until_it_owns(8)
            finally:
                os.kill(zombie, signal.SIGCONT)
            time.sleep(self._random.uniform(1.0, 4.0))
            assert second.terminate() == 0
        finally:
            second.end()

    def without(self, *servers: str) -> None:
        """Servers answer nobody, die, and are started again."""
        with halted(self._stage, *servers):
            time.sleep(AWAY)
