"""Systems for the acceptance tests: one shared by the session, and a factory for those that a test breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.acceptance.system import System, UpProcess

#: Starts `relaylog up` with options and environment; ended after the test, whatever became of it.
StartUp = Callable[..., UpProcess]
#: Starts a system of its own (settings by their full names) and waits until it runs.
StartSystem = Callable[..., System]

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.acceptance)


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One system for all tests that leave it as whole as they found it; its clean stop is checked at the end."""
    up = UpProcess(tmp_path_factory.mktemp("shared") / "data", "--no-demo", "--port-base", "0")
    try:
        up.wait_until_running()
        running = System(up)
        yield running
        running.close()
        up.stop()
    finally:
        up.end()


@pytest.fixture(scope="module")
def start_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartUp]:
    """A factory of `relaylog up`: options, ``data`` (a fresh folder if left out), settings by their full names."""
    with ExitStack() as stack:

        def start(*options: str, data: Path | None = None, **settings: str) -> UpProcess:
            folder = data or tmp_path_factory.mktemp("private") / "data"
            up = UpProcess(folder, *options, **settings)
            stack.callback(up.end)
            return up

        yield start


@pytest.fixture(scope="module")
def start_system(start_up: StartUp) -> StartSystem:
    """A factory of running systems without traffic of their own, on free ports: ``data``, settings by full names."""

    def start(data: Path | None = None, **settings: str) -> System:
        up = start_up("--no-demo", "--port-base", "0", data=data, **settings)
        up.wait_until_running()
        return System(up)

    return start
