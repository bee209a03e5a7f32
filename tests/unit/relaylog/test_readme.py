"""What the README promises exists."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer

from relaylog.cli import app
from streams.registration import TenantDraft
from streams.settings import Settings

README = (Path(__file__).parents[3] / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def test_the_tenant_is_one_that_can_be_registered() -> None:
    (tenant,) = blocks("json")
    assert TenantDraft.model_validate(json.loads(tenant)).id == "acme"


def test_the_program_compiles() -> None:
    (program,) = blocks("python")
    compile(program, "produce.py", "exec")


@pytest.mark.parametrize("words", sorted(set(re.findall(r"(?:`|bin/)relaylog ([a-z-]+(?: [a-z-]+)?)", README))))
def test_every_command_exists(words: str) -> None:
    command: Any = typer.main.get_command(app)
    for word in words.split():
        if not hasattr(command, "commands"):
            break
        assert word in command.commands, f"relaylog {words}"
        command = command.commands[word]


@pytest.mark.parametrize("name", sorted(set(re.findall(r"RELAYLOG_[A-Z_]+[A-Z]", README))))
def test_every_setting_exists(name: str) -> None:
    assert name.removeprefix("RELAYLOG_").lower() in Settings.model_fields


@pytest.mark.parametrize("process", ["gateway", "query", "agents", "project"])
def test_the_ports_are_the_defaults(process: str) -> None:
    port = Settings.model_fields[f"{process}_port"].default
    assert re.search(rf"^\| `relaylog {process}` .* \| {port} \|$", README, re.MULTILINE)


@pytest.mark.parametrize(
    "path", ["docker-compose.kafka.yml", "ops/postgres-roles.sql", "CHANGELOG.md", "docs/decisions"]
)
def test_files_that_it_names_exist(path: str) -> None:
    assert path in README
    assert (Path(__file__).parents[3] / path).exists()
