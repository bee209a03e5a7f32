"""What a system embeds and what it tells its processes, before anything is started."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from relaylog import processes
from relaylog.data_folder import DataFolder
from relaylog.ports import choose_ports
from relaylog.servers import Servers, port_names
from relaylog.system import System
from streams.settings import InvalidSettings, Settings


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "data")


@pytest.fixture(autouse=True)
def _no_settings_of_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"RELAYLOG_{name.upper()}", raising=False)


def system(folder: DataFolder) -> System:
    return System(folder, 0, Settings(), print)


def test_without_addresses_every_server_is_embedded(folder: DataFolder) -> None:
    servers = Servers(Settings(), folder, choose_ports(9000))
    assert [server.name for server in servers.embedded] == ["kafka", "postgres", "redis"]
    assert servers.settings()["kafka"] == "127.0.0.1:9012"
    assert "127.0.0.1:9014" in servers.settings()["postgres"]
    assert servers.settings()["postgres"] != servers.settings()["postgres_query"]
    assert "127.0.0.1:9015" in servers.settings()["redis"]


def test_a_server_of_your_own_is_not_embedded(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAYLOG_KAFKA", "127.0.0.1:9092")
    monkeypatch.setenv("RELAYLOG_POSTGRES", "postgresql://owner@db/relaylog")
    monkeypatch.setenv("RELAYLOG_POSTGRES_QUERY", "postgresql://api@db/relaylog")
    monkeypatch.setenv("RELAYLOG_REDIS", "redis://cache/0")
    own = Settings()
    servers = Servers(own, folder, choose_ports(9000))
    assert servers.embedded == []
    assert servers.settings() == {}
    assert port_names(own) == ["gateway", "query", "agents", "project", "genesys", "whatsapp"]


def test_a_postgres_of_your_own_needs_both_addresses(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAYLOG_POSTGRES", "postgresql://owner@db/relaylog")
    with pytest.raises(InvalidSettings, match="RELAYLOG_POSTGRES_QUERY"):
        Servers(Settings(), folder, choose_ports(9000))


def test_keys_are_made_once_for_a_folder(folder: DataFolder) -> None:
    first, second = system(folder).settings, system(folder).settings
    assert len(first.master_key_bytes) == 32
    assert first.master_key_bytes == second.master_key_bytes
    assert first.operator_key == second.operator_key


def test_keys_of_your_own_are_kept(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAYLOG_MASTER_KEY", base64.b64encode(b"m" * 32).decode())
    monkeypatch.setenv("RELAYLOG_OPERATOR_KEY", "mine")
    settings = system(folder).settings
    assert settings.master_key_bytes == b"m" * 32
    assert settings.operator_key.get_secret_value() == "mine"


def test_media_links_lead_to_the_gateway_unless_you_say_where(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = system(folder).settings
    assert settings.public_url == f"http://127.0.0.1:{settings.gateway_port}"
    monkeypatch.setenv("RELAYLOG_PUBLIC_URL", "https://relay.example.com")
    assert system(folder).settings.public_url == "https://relay.example.com"


def test_processes_get_your_environment_and_the_settings_of_the_system(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELAYLOG_CRASH_FILE", "/nowhere")
    child = processes.process("gateway", choose_ports(9000), {"kafka": "127.0.0.1:9012"}, folder)
    command = child.command()
    assert command.argv[1:] == ("-m", "relaylog", "gateway")
    assert command.env["RELAYLOG_CRASH_FILE"] == "/nowhere"
    assert command.env["RELAYLOG_KAFKA"] == "127.0.0.1:9012"
    assert child.log == folder.path / "logs" / "gateway.log"


async def test_a_process_that_does_not_answer_is_not_ready(folder: DataFolder) -> None:
    assert not await processes.process("query", choose_ports(0), {}, folder).ready()
