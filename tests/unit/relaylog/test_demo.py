"""The demo against a system that is not there."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console as RichConsole

from relaylog.console import Console
from relaylog.data_folder import DataFolder
from relaylog.demo import play
from relaylog.demo_tenants import DEMO_TENANTS, listed
from relaylog.embedded.ports import free_ports


async def test_where_nobody_answers_it_says_so_and_has_not_passed(tmp_path: Path) -> None:
    genesys, whatsapp, query = (f"http://127.0.0.1:{port}" for port in free_ports(3))
    keys = DataFolder(tmp_path).keys.get
    running = {
        "query": query,
        "simulators": {"genesys": genesys, "whatsapp": whatsapp},
        "tenants": [listed(tenant, keys) for tenant in DEMO_TENANTS],
    }
    output = io.StringIO()
    assert not await play(running, Console(RichConsole(file=output)), patience=0.0)
    assert "✗ 0 steps seen, then missed: an answer of the simulated platforms" in output.getvalue()
