"""docker-compose.kafka.yml: valid by the compose specification, and everything that it names exists."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
import typer
import yaml

from relaylog.cli import app
from streams.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.kafka.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "relaylog"}
PROCESSES = ("gateway", "agents", "project", "query")


def own_environment() -> dict[str, str]:
    values: dict[str, str] = COMPOSE["x-relaylog"]["environment"]
    return values


def default_port(process: str) -> int:
    return int(Settings.model_fields[f"{process}_port"].default)


def test_it_is_valid_by_the_compose_specification() -> None:
    schema = json.loads((ROOT / "tests/golden/compose/compose-spec.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(COMPOSE)


def test_the_schema_rejects_a_field_that_does_not_exist() -> None:
    schema = json.loads((ROOT / "tests/golden/compose/compose-spec.json").read_text())
    broken = COMPOSE | {"services": {"gateway": {"image": "relaylog", "comand": ["gateway"]}}}
    with pytest.raises(jsonschema.ValidationError, match="comand"):
        jsonschema.Draft202012Validator(schema).validate(broken)


def test_every_process_has_a_service() -> None:
    assert set(PROCESSES) <= set(OURS)


@pytest.mark.parametrize("name", OURS)
def test_its_command_exists(name: str) -> None:
    command = typer.main.get_command(app)
    for word in OURS[name]["command"]:
        commands = getattr(command, "commands", {})
        assert word in commands, f"{name}: relaylog has no command {OURS[name]['command']}"
        command = commands[word]
    assert not getattr(command, "commands", {}), f"{name}: {OURS[name]['command']} is a group of commands"


@pytest.mark.parametrize("name", OURS)
def test_its_settings_exist(name: str) -> None:
    known = {f"RELAYLOG_{field.upper()}" for field in Settings.model_fields}
    assert OURS[name]["environment"].keys() <= known


def test_the_settings_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in own_environment().items():
        monkeypatch.setenv(name, re.sub(r"\$\{[^}]*\}", "", str(value)))
    settings = Settings()
    assert (settings.host, settings.kafka) == ("0.0.0.0", "kafka:9092")


@pytest.mark.parametrize("process", PROCESSES)
def test_published_ports_are_those_that_the_process_listens_on(process: str) -> None:
    for published in SERVICES[process].get("ports", []):
        assert int(published.rpartition(":")[2]) == default_port(process)


def test_prometheus_scrapes_every_process_on_its_port() -> None:
    config = yaml.safe_load((ROOT / "ops/prometheus.yml").read_text())
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]}
    assert targets == {process: [f"{process}:{default_port(process)}"] for process in PROCESSES}


def test_addresses_name_services() -> None:
    environment = own_environment()
    hosts = {str(environment["RELAYLOG_KAFKA"]).partition(":")[0]}
    for name in ("RELAYLOG_POSTGRES", "RELAYLOG_POSTGRES_QUERY", "RELAYLOG_REDIS"):
        hosts.add(str(urlsplit(re.sub(r"\$\{[^}]*\}", "x", environment[name])).hostname))
    assert hosts == {"kafka", "postgres", "redis"} <= SERVICES.keys()


def bind_mounts() -> Iterator[str]:
    for service in SERVICES.values():
        yield from (mount.partition(":")[0] for mount in service.get("volumes", []) if mount.startswith("./"))


@pytest.mark.parametrize("path", [*bind_mounts(), "ops/Dockerfile"])
def test_files_that_it_needs_exist(path: str) -> None:
    assert (ROOT / path).is_file()


def test_named_volumes_are_declared() -> None:
    mounts = [mount.partition(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])]
    assert {mount for mount in mounts if not mount.startswith(".")} == COMPOSE["volumes"].keys()


def test_required_variables_are_explained_at_the_top() -> None:
    required = set(re.findall(r"\$\{(\w+):\?", TEXT))
    exported = set(re.findall(r"(\w+)=\$\(openssl", TEXT.partition("\nname:")[0]))
    assert required == exported


def test_the_image_holds_every_package_and_runs_the_command() -> None:
    dockerfile = (ROOT / "ops/Dockerfile").read_text()
    copied = set(re.findall(r"^COPY (\w+) \w+$", dockerfile, re.MULTILINE))
    assert copied == {"schemas", "streams", "agents", "projections", "relaylog", "simulators"}
    assert 'ENTRYPOINT ["relaylog"]' in dockerfile
