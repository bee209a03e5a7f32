"""The directory and registration on a real broker."""

from collections.abc import AsyncIterator

import pytest

from schemas.tenant import Tenant
from streams.directory import TenantDirectory, read_directory
from streams.log import LogUnavailable, LogWriter, partition_reader
from streams.registration import CannotRegister, list_tenants, register_tenant
from streams.secrets import Cipher, encode_tenant
from streams.settings import Settings
from tests.integration.streams.support import eventually
from tests.unit.streams.samples import clear_secrets, draft_fields, make_settings, sample_draft

Tenants = dict[str, Tenant]

pytestmark = pytest.mark.integration


@pytest.fixture
async def directory(settings: Settings, tenants: Tenants) -> AsyncIterator[TenantDirectory]:
    directory = TenantDirectory(settings)
    await directory.start()
    yield directory
    await directory.stop()


async def test_a_tenant_is_found_by_every_name_it_has(directory: TenantDirectory, tenants: Tenants) -> None:
    acme = tenants["acme"]
    channel = acme.channels[0]
    assert directory.ready
    assert [tenant.id for tenant in directory] == ["acme", "globex", "initech"]
    assert directory.by_id("acme") == acme
    assert [tenant.id for tenant, _ in directory.apps("main")] == ["acme", "globex"]
    assert directory.by_number("main", channel.phone_number_id) == (acme, channel)
    assert directory.by_number("other", channel.phone_number_id) is None
    assert directory.by_waba("main", channel.waba_id) == [acme]
    assert directory.by_integration(channel.integration_id) == (acme, channel)
    assert directory.by_produce_key("acme-crm") == (acme, acme.produce_keys[0])
    assert directory.by_api_key("api-key-of-acme") == acme
    assert directory.by_api_key(acme.api_keys[0].sha256) is None
    assert [directory.by_id("nobody"), directory.by_integration(""), directory.by_produce_key("")] == [None] * 3


async def test_a_change_is_seen_while_running(
    directory: TenantDirectory, tenants: Tenants, settings: Settings, writer: LogWriter
) -> None:
    def broken(_changed: frozenset[str]) -> None:
        raise RuntimeError("a listener that fails")

    seen: list[frozenset[str]] = []
    directory.on_change(broken)
    directory.on_change(seen.append)
    await register_tenant(settings, writer, sample_draft("acme", label="Renamed"))
    await writer.append("tenants", 0, None, key=b"initech")

    async def state() -> tuple[str, bool]:
        acme = directory.by_id("acme")
        return (acme.label if acme else "", directory.by_id("initech") is None)

    await eventually(state, ("Renamed", True))
    assert frozenset().union(*seen) == {"acme", "initech"}
    assert directory.apps("other") == []


async def test_a_record_that_cannot_be_read_keeps_the_version_before(
    directory: TenantDirectory,
    tenants: Tenants,
    settings: Settings,
    writer: LogWriter,
    caplog: pytest.LogCaptureFixture,
) -> None:
    other_key = encode_tenant(tenants["acme"].model_copy(update={"label": "X"}), Cipher(bytes(32)))
    await writer.append("tenants", 0, other_key, key=b"acme")

    async def unreadable() -> list[str]:
        return list(directory.unreadable)

    await eventually(unreadable, ["acme"])
    assert directory.by_id("acme") == tenants["acme"]
    assert "pepper" in caplog.text
    assert not [secret for secret in clear_secrets() if secret in caplog.text]
    with pytest.raises(CannotRegister, match="acme cannot be read"):
        await register_tenant(settings, writer, sample_draft("acme"))


async def test_no_secret_stands_in_clear_in_the_topic(settings: Settings, tenants: Tenants) -> None:
    async with partition_reader(settings, "tenants", 0) as reader:
        records = [r async for r in reader.read_range(0, await reader.end_offset())]
    written = b"".join((record.key or b"") + (record.value or b"") for record in records)
    assert b"acme" in written
    secrets = [secret for name in tenants for secret in clear_secrets(name, tenants[name].apps[0].name)]
    assert not [secret for secret in secrets if secret.encode() in written]
    assert not [t for t in tenants.values() if t.pepper_bytes in written]


async def test_tenants_are_spread_over_partitions_and_keep_theirs_and_their_pepper(
    settings: Settings, tenants: Tenants, writer: LogWriter
) -> None:
    assert sorted(tenant.partition for tenant in tenants.values()) == [0, 1, 2]
    assert len({tenant.pepper_bytes for tenant in tenants.values()}) == 3
    again = await register_tenant(settings, writer, sample_draft("globex", label="New"))
    assert (again.partition, again.pepper) == (tenants["globex"].partition, tenants["globex"].pepper)
    assert [tenant.label for tenant in await list_tenants(settings)] == ["Acme", "New", "Initech"]


async def test_what_belongs_to_another_tenant_cannot_be_registered(
    settings: Settings, tenants: Tenants, writer: LogWriter
) -> None:
    theirs = draft_fields("acme")
    draft = sample_draft(
        "thief",
        channels=theirs["channels"],
        produce_keys=theirs["produce_keys"],
        api_keys=theirs["api_keys"],
        apps=[{**theirs["apps"][0], "app_secret": "another"}],
    )
    with pytest.raises(CannotRegister) as caught:
        await register_tenant(settings, writer, draft)
    message = str(caught.value)
    for field in ("channels.phone_number_id", "channels.integration_id", "produce_keys.id", "api_keys.sha256"):
        assert field in message
    assert "apps: main is shared with tenant globex" in message
    assert len(await list_tenants(settings)) == 3


async def test_without_a_broker_the_directory_says_so() -> None:
    with pytest.raises(LogUnavailable):
        await read_directory(make_settings(kafka="127.0.0.1:1"))
