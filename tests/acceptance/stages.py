"""A stage for each module: one system with quick settings, and the traffic on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.acceptance.stage import QUICK, Stage
from tests.acceptance.system import UpProcess
from tests.acceptance.talk import Talk
from tests.seed import chosen_seed


@pytest.fixture(scope="module")
def stage(
    request: pytest.FixtureRequest, start_up: Callable[..., UpProcess], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """A system of the module's own, that may be broken; its platforms take whatever comes.

    A module's SETTINGS go before the quick ones.
    """
    crash_file = tmp_path_factory.mktemp("crash") / "point"
    settings = QUICK | getattr(request.module, "SETTINGS", {})
    up = start_up("--no-demo", "--port-base", "0", RELAYLOG_CRASH_FILE=str(crash_file), **settings)
    up.wait_until_running()
    stage = Stage(up, crash_file)
    stage.raise_limits()
    yield stage
    stage.close()


@pytest.fixture(scope="module")
def talk(stage: Stage) -> Talk:
    """Traffic of this run's seed."""
    return Talk(stage, chosen_seed())
