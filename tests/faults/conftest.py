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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what fault runs recorded as properties, of those that passed too: a loss that is allowed is still told."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome)]
    for report in reports:
        for name, value in report.user_properties:
            terminalreporter.section(f"{name} ({report.nodeid})")
            terminalreporter.write_line(str(value))
