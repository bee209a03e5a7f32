"""An operator pauses and resumes a tenant on a real broker."""

import pytest

from schemas.tenant import Pause, Tenant
from streams.directory import TenantDirectory
from streams.log import LogWriter
from streams.pausing import CannotPause, UnknownTenant, pause_tenant, resume_tenant
from streams.registration import register_tenant
from streams.secrets import Cipher, encode_tenant
from streams.settings import Settings
from tests.integration.streams.support import NOW, eventually
from tests.unit.streams.samples import sample_draft

PAUSE = Pause(platforms=("genesys",), reason="migration", at=NOW, by="op")

pytestmark = pytest.mark.integration


async def test_a_running_process_sees_the_pause_and_its_end(
    settings: Settings, tenants: dict[str, Tenant], writer: LogWriter
) -> None:
    directory = TenantDirectory(settings)
    await directory.start()

    async def paused() -> tuple[bool, bool]:
        acme = directory.by_id("acme")
        assert acme is not None
        return acme.is_paused("genesys"), acme.is_paused("whatsapp")

    try:
        assert await paused() == (False, False)
        await pause_tenant(settings, writer, "acme", PAUSE)
        await eventually(paused, (True, False))
        await resume_tenant(settings, writer, "acme", reason="done", at=NOW, by="op")
        await eventually(paused, (False, False))
    finally:
        await directory.stop()


async def test_registering_again_keeps_the_pause(
    settings: Settings, tenants: dict[str, Tenant], writer: LogWriter
) -> None:
    await pause_tenant(settings, writer, "acme", PAUSE)
    again = await register_tenant(settings, writer, sample_draft("acme", label="Renamed"))
    assert (again.label, again.paused) == ("Renamed", PAUSE)
    assert again.pepper == tenants["acme"].pepper
    resumed = await resume_tenant(settings, writer, "acme", reason="done", at=NOW, by="op")
    assert [note.what for note in resumed.history] == ["paused", "resumed"]


async def test_what_cannot_be_changed_is_refused(
    settings: Settings, tenants: dict[str, Tenant], writer: LogWriter
) -> None:
    with pytest.raises(UnknownTenant, match="nobody"):
        await pause_tenant(settings, writer, "nobody", PAUSE)
    with pytest.raises(CannotPause, match="not paused"):
        await resume_tenant(settings, writer, "acme", reason="done", at=NOW, by="op")
    await writer.append("tenants", 0, encode_tenant(tenants["acme"], Cipher(bytes(32))), key=b"acme")
    with pytest.raises(CannotPause, match="cannot be read"):
        await pause_tenant(settings, writer, "acme", PAUSE)
