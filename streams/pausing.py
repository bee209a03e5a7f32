"""Pausing a tenant: an operator holds back what is for its platforms, with a reason that its record keeps."""

from __future__ import annotations

from schemas.errors import RelaylogError
from schemas.tenant import Pause, Tenant
from streams.directory import read_directory
from streams.log import LogWriter
from streams.registration import write_tenant
from streams.settings import Settings


class UnknownTenant(RelaylogError):
    """No tenant with that id is registered."""


class CannotPause(RelaylogError):
    """The tenant's record cannot be read, or there is nothing to resume."""


async def pause_tenant(settings: Settings, writer: LogWriter, tenant_id: str, pause: Pause) -> Tenant:
    """Hold back what is for the pause's platforms; facts are taken in as ever.

    Two changes of one tenant at the same moment do not see each other: run one at a time.
    Raises UnknownTenant, CannotPause, LogUnavailable.
    """
    tenant = (await registered_tenant(settings, tenant_id)).with_pause(pause)
    await write_tenant(settings, writer, tenant)
    return tenant


async def resume_tenant(
    settings: Settings, writer: LogWriter, tenant_id: str, *, reason: str, at: str, by: str
) -> Tenant:
    """Send again what is for the tenant's platforms. Raises as `pause_tenant`, CannotPause when it is not paused."""
    tenant = await registered_tenant(settings, tenant_id)
    if tenant.paused is None:
        raise CannotPause(f"tenant {tenant_id} is not paused")
    resumed = tenant.resumed(reason, at, by)
    await write_tenant(settings, writer, resumed)
    return resumed


async def registered_tenant(settings: Settings, tenant_id: str) -> Tenant:
    """The tenant as its newest record says. Raises UnknownTenant, CannotPause, LogUnavailable."""
    directory = await read_directory(settings)
    # Writing the version before would undo whatever the unreadable record changed.
    if tenant_id in directory.unreadable:
        raise CannotPause(f"the record of tenant {tenant_id} cannot be read: {directory.unreadable[tenant_id]}")
    tenant = directory.by_id(tenant_id)
    if tenant is None:
        raise UnknownTenant(f"no tenant {tenant_id!r} is registered: `relaylog tenants list` shows those that are")
    return tenant
