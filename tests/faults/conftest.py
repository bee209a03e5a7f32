"""Systems for the fault runs: the stage of the acceptance tests, and room for minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.conftest import start_up
from tests.acceptance.stages import stage, talk

__all__ = ["stage", "start_up", "talk"]

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.faults)
