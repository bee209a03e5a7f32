"""`relaylog up` as a newcomer uses it: starts, heals, stops, and leaves nothing behind."""

from __future__ import annotations

import re
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.acceptance.conftest import StartUp
from tests.acceptance.system import System, UpProcess, assert_gone, clean_environment, until

README = Path(__file__).parents[2] / "README.md"
PROCESSES = ("gateway", "agents", "project", "query")
SERVERS = ("kafka", "postgres", "redis")


def test_running_json_has_everything_that_another_program_needs(system: System) -> None:
    running = system.running
    assert stat.S_IMODE(system.up.running_file.stat().st_mode) == 0o600
    assert running["pid"] == system.up.pid
    assert set(running["processes"]) == {*PROCESSES, *SERVERS}
    assert all(psutil.pid_exists(pid) for pid in running["processes"].values())
    assert set(running["metrics"]) == set(PROCESSES)
    assert running["postgres"].startswith("postgresql://")
    assert running["redis"].startswith("redis://")
    assert running["operator_key"]
    assert [tenant["id"] for tenant in running["tenants"]] == ["acme", "globex"]
    for tenant in running["tenants"]:
        assert set(tenant["produce_key"]) == {"id", "secret"}
        assert set(tenant["whatsapp"]) == {"app", "app_secret", "verify_token", "waba_id", "phone_number_id"}
        assert set(tenant["genesys"]) == {"integration_id", "webhook_secret", "calls_per_minute"}


@pytest.mark.parametrize("process", PROCESSES)
def test_every_process_serves_health_and_metrics(system: System, process: str) -> None:
    base = system.running["metrics"][process].removesuffix("/metrics")
    assert system.http.get(f"{base}/livez").status_code == 200
    assert system.http.get(f"{base}/readyz").status_code == 200
    assert "process_cpu_seconds_total" in system.metrics(process)


def test_all_of_it_listens_on_this_machine_only(system: System) -> None:
    for process in system.up.family():
        for connection in process.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN:
                assert connection.laddr.ip in ("127.0.0.1", "::ffff:127.0.0.1"), f"{process}: {connection}"


def test_a_second_up_on_the_same_folder_is_refused(system: System, start_up: StartUp) -> None:
    second = start_up("--port-base", "0", data=system.up.data)
    assert second.wait() == 2
    assert f"process id {system.up.pid}" in second.output
    assert system.up.running_file.exists()


def test_a_taken_port_is_named(start_up: StartUp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        base = taken.getsockname()[1] - 1
        up = start_up("--port-base", str(base))
        assert up.wait() == 2
        assert f"{base + 1} (query)" in up.output


@pytest.mark.parametrize("process", ["query", "redis"])
def test_what_dies_is_started_again(system: System, process: str) -> None:
    old = system.kill(process)
    new = system.wait_restarted(process, old)
    assert psutil.pid_exists(new)
    assert f"{process} ended with SIGKILL" in system.up.output


def test_tools_reach_it_through_its_environment_file(system: System) -> None:
    listed = system.command("tenants", "list")
    assert listed.returncode == 0, listed.stderr
    assert [line.split()[0] for line in listed.stdout.splitlines()] == ["acme", "globex"]
    shown = system.command("tenants", "show", "acme")
    assert shown.returncode == 0
    assert system.tenant("acme")["whatsapp"]["app_secret"] not in shown.stdout
    assert system.command("topics", "provision").stdout.splitlines() == ["every topic is as the table says"]
    assert system.command("migrate").returncode == 0


def test_the_readme_example_of_another_program_delivers(system: System, tmp_path: Path) -> None:
    program = tmp_path / "produce.py"
    program.write_text(next(re.finditer(r"```python\n(.*?)```", README.read_text(), re.DOTALL))[1])
    wa_id = "447700900821"
    # WhatsApp lets a business write only to whom wrote within a day.
    system.customer_says(wa_id, "Hello")
    argv = [sys.executable, str(program), str(system.up.running_file), wa_id, "Your parcel is here."]
    subprocess.run(argv, env=clean_environment(), check=True, timeout=60)
    until(
        "the message on the customer's phone",
        lambda: [b for b in system.books("whatsapp") if (b["customer"], b["text"]) == (wa_id, "Your parcel is here.")],
    )


def test_killed_outright_it_leaves_nothing_and_the_next_one_finds_every_message(start_up: StartUp) -> None:
    first = start_up("--port-base", "0")
    until("the end of the demo", lambda: "Summary" in first.output and "Ctrl-C" in first.output, 120.0)
    assert "it begins a conversation" in first.output
    family = first.family()
    assert len(family) >= len(PROCESSES) + len(SERVERS)
    first.send(signal.SIGKILL)
    first.wait()
    assert_gone(family)

    second = start_up("--once", "--port-base", "0", data=first.data)
    assert second.wait(120.0) == 0, second.output
    assert "5 messages from earlier are still here" in second.output
    assert "✗" not in second.output
    assert "\x1b" not in second.output
    assert not second.running_file.exists()


def test_stopped_while_it_starts_it_exits_with_0_and_leaves_nothing(start_up: StartUp) -> None:
    up = start_up("--port-base", "0")
    until("its first child", lambda: up.family(), 30.0)
    family = stopped_while_starting(up)
    assert_gone(family)
    assert not up.running_file.exists()


def stopped_while_starting(up: UpProcess) -> list[psutil.Process]:
    """Stop it by SIGTERM; returns what ran just before."""
    family = up.family()
    up.send(signal.SIGTERM)
    assert up.wait() == 0, up.output
    return family
