"""The demo's tenants are registered where no others are, and only when something changed."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from pydantic import SecretStr

from relaylog.data_folder import DataFolder
from relaylog.demo_tenants import DEMO_TENANTS, configuration
from relaylog.registering import register_demo_tenants
from streams.log import LogWriter, partition_reader
from streams.provisioning import provision
from streams.registration import CannotRegister, TenantDraft, list_tenants, register_tenant
from streams.settings import Settings
from streams.topics import TENANTS

GENESYS = "http://127.0.0.1:8090"

pytestmark = pytest.mark.integration


def settings_with(kafka_address: str, topic_prefix: str, master_key: bytes) -> Settings:
    key = SecretStr(base64.b64encode(master_key).decode())
    return Settings(kafka=kafka_address, topic_prefix=topic_prefix, master_key=key, partitions=2)


@pytest.fixture
async def settings(kafka_address: str, topic_prefix: str) -> Settings:
    made = settings_with(kafka_address, topic_prefix, b"k" * 32)
    await provision(made)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path)


async def records(settings: Settings) -> int:
    async with partition_reader(settings, TENANTS, 0) as reader:
        return await reader.end_offset()


async def test_both_are_registered_once(settings: Settings, folder: DataFolder) -> None:
    assert await register_demo_tenants(settings, folder, GENESYS)
    assert [tenant.id for tenant in await list_tenants(settings)] == ["acme", "globex"]
    assert await register_demo_tenants(settings, folder, GENESYS)
    assert await records(settings) == 2


async def test_a_changed_address_is_registered_and_partition_and_pepper_stay(
    settings: Settings, folder: DataFolder
) -> None:
    await register_demo_tenants(settings, folder, GENESYS)
    before = {tenant.id: tenant for tenant in await list_tenants(settings)}
    assert await register_demo_tenants(settings, folder, "http://127.0.0.1:9090")
    for tenant in await list_tenants(settings):
        assert tenant.genesys.api_url == "http://127.0.0.1:9090"
        assert (tenant.partition, tenant.pepper) == (before[tenant.id].partition, before[tenant.id].pepper)


async def test_where_another_tenant_is_registered_nothing_is_done(settings: Settings, folder: DataFolder) -> None:
    real = configuration(DEMO_TENANTS[0], folder.keys.get, "https://api.mypurecloud.de") | {"id": "real"}
    writer = LogWriter(settings)
    await writer.start()
    await register_tenant(settings, writer, TenantDraft.model_validate(real))
    await writer.stop()
    assert not await register_demo_tenants(settings, folder, GENESYS)
    assert await records(settings) == 1


async def test_under_another_master_key_the_unreadable_tenant_is_named(
    settings: Settings, folder: DataFolder, kafka_address: str, topic_prefix: str
) -> None:
    await register_demo_tenants(settings, folder, GENESYS)
    other = settings_with(kafka_address, topic_prefix, b"o" * 32)
    with pytest.raises(CannotRegister, match="acme cannot be read"):
        await register_demo_tenants(other, folder, GENESYS)
    assert await records(settings) == 2
