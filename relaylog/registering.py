"""Registers the demo's tenants where no others are."""

from __future__ import annotations

from relaylog.data_folder import DataFolder
from relaylog.demo_tenants import DEMO_TENANTS, configuration, simulated
from relaylog.embedded.secrets import write_private
from schemas.tenant import Tenant
from simulators.config import SimulatorsConfig
from streams.log import LogWriter
from streams.registration import KEPT_FIELDS, TenantDraft, list_tenants, register_tenant
from streams.settings import Settings


async def register_demo_tenants(settings: Settings, folder: DataFolder, genesys_url: str) -> bool:
    """Register the demo's tenants as they are now; False, and nothing done, when any other tenant is registered."""
    known = {tenant.id: tenant for tenant in await list_tenants(settings)}
    if known.keys() - {tenant.id for tenant in DEMO_TENANTS}:
        return False
    drafts = [
        TenantDraft.model_validate(configuration(tenant, folder.keys.get, genesys_url)) for tenant in DEMO_TENANTS
    ]
    changed = [draft for draft in drafts if draft.id not in known or not _says_the_same(draft, known[draft.id])]
    if changed:
        writer = LogWriter(settings)
        await writer.start()
        try:
            for draft in changed:
                await register_tenant(settings, writer, draft)
        finally:
            await writer.stop()
    return True


def _says_the_same(draft: TenantDraft, registered: Tenant) -> bool:
    ours = set(KEPT_FIELDS)
    return draft.model_dump(exclude=ours) == registered.model_dump(exclude=ours)


def write_simulators_file(folder: DataFolder, gateway_url: str) -> None:
    """Tell the simulators about the demo's tenants; the file holds keys, so only its owner may read it."""
    config = SimulatorsConfig(tenants=[simulated(tenant, folder.keys.get, gateway_url) for tenant in DEMO_TENANTS])
    write_private(folder.simulators_file, config.model_dump_json(indent=1))
