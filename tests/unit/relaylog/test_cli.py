"""The command line: its help is the manual, its errors are one message."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from relaylog.cli import app

EXPECTED = {
    "up", "gateway", "agents", "project", "query", "simulators", "migrate", "replay", "repair", "verify", "settings",
    "topics provision", "topics list", "topics reset-rates", "tenants add", "tenants list", "tenants show",
    "tenants pause", "tenants resume",
    "dead-letters list", "dead-letters show", "dead-letters redrive", "dead-letters discard",
}  # fmt: skip


def leaves(command: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
    else:
        for name, child in children.items():
            yield from leaves(child, f"{path} {name}".strip())


COMMANDS = dict(leaves(typer.main.get_command(app)))


def relaylog(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RELAYLOG_")}
    argv = [sys.executable, "-m", "relaylog", *arguments]
    return subprocess.run(argv, env=inherited | settings, capture_output=True, text=True, timeout=60, check=False)


def test_every_command_that_is_promised_exists() -> None:
    assert set(COMMANDS) == EXPECTED


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_says_what_a_command_reads(name: str) -> None:
    text = COMMANDS[name].help or ""
    assert "eads" in text, f"`relaylog {name} --help` does not say what it reads"


def test_help_works() -> None:
    done = relaylog("tenants", "add", "--help")
    assert done.returncode == 0
    assert "Exits with 2 when the file is not valid" in " ".join(done.stdout.split())


def test_bad_settings_are_named_all_at_once() -> None:
    done = relaylog("gateway", RELAYLOG_GATEWAY_PORT="http", RELAYLOG_PARTITIONS="0")
    assert done.returncode == 2
    assert "RELAYLOG_GATEWAY_PORT" in done.stderr
    assert "RELAYLOG_PARTITIONS" in done.stderr
    assert "Traceback" not in done.stderr


def test_settings_are_printed_with_secrets_masked() -> None:
    done = relaylog("settings", RELAYLOG_OPERATOR_KEY="deep-secret", RELAYLOG_REDIS="redis://:deep-secret@127.0.0.1/0")
    assert done.returncode == 0
    assert "deep-secret" not in done.stdout
    assert "RELAYLOG_GATEWAY_PORT=8080" in done.stdout


def test_a_bad_tenant_file_is_refused_with_every_field(tmp_path: Path) -> None:
    file = tmp_path / "tenant.json"
    file.write_text(json.dumps({"id": "Not A Slug", "apps": [], "colour": "red"}))
    done = relaylog("tenants", "add", str(file))
    assert done.returncode == 2
    for field in ("id", "apps", "channels", "genesys", "colour"):
        assert f"\n  {field}: " in done.stderr
    assert "Traceback" not in done.stderr


def test_an_intervention_needs_words() -> None:
    done = relaylog("tenants", "pause", "acme", "--reason", " ")
    assert done.returncode == 2
    assert "expected some words" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [(), ("--all",), ("--tenant", "acme"), ("an-id", "--tenant", "acme", "--all"), ("an-id", "--all")],
)
def test_a_redrive_needs_ids_or_a_tenant_with_all(arguments: tuple[str, ...]) -> None:
    done = relaylog("dead-letters", "redrive", *arguments)
    assert done.returncode == 2
    assert "either ids, or --tenant with --all" in " ".join(done.stderr.split())


def test_a_missing_simulators_file_is_named(tmp_path: Path) -> None:
    done = relaylog("simulators", "--tenants", str(tmp_path / "none.json"))
    assert done.returncode == 2
    assert "none.json: cannot be read" in done.stderr


def test_up_refuses_half_of_the_postgres_addresses(tmp_path: Path) -> None:
    done = relaylog("up", "--data", str(tmp_path), "--port-base", "0", RELAYLOG_POSTGRES="postgresql://u@127.0.0.1/x")
    assert done.returncode == 2
    assert "RELAYLOG_POSTGRES_QUERY" in done.stderr
