"""Registering tenants: checks a draft against all others, gives it its partition and pepper, appends its record."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Final

from pydantic import Field, SecretStr, model_validator

from schemas.errors import RelaylogError
from schemas.tenant import Secret, Tenant
from streams.directory import TenantDirectory, read_directory
from streams.log import LogWriter
from streams.secrets import Cipher, encode_tenant
from streams.settings import Settings
from streams.topics import TENANTS

#: Fields of a tenant that relaylog sets itself, and that registering it again keeps.
KEPT_FIELDS: Final = ("partition", "pepper", "paused", "history")


class CannotRegister(RelaylogError):
    """The draft contradicts tenants that exist; the message names every conflict."""


class TenantDraft(Tenant):
    """A tenant as an operator describes it; what relaylog sets itself (KEPT_FIELDS) may not be given.

    `TenantDraft.model_validate` raises pydantic's ValidationError, which lists every bad field.
    """

    partition: Annotated[int, Field(ge=0)] = 0
    pepper: Secret = SecretStr("")

    @model_validator(mode="before")
    @classmethod
    def _without_what_relaylog_sets(cls, data: Any) -> Any:
        given = [field for field in KEPT_FIELDS if isinstance(data, dict) and field in data]
        if given:
            raise ValueError(f"{' and '.join(given)}: set by relaylog, leave out")
        return data

    def placed(self, partition: int, pepper: SecretStr) -> Tenant:
        """The new tenant that this draft describes."""
        return Tenant.model_validate({**self.model_dump(), "partition": partition, "pepper": pepper})

    def changing(self, existing: Tenant) -> Tenant:
        """``existing`` as this draft describes it now."""
        kept = {field: getattr(existing, field) for field in KEPT_FIELDS}
        return Tenant.model_validate({**self.model_dump(), **kept})


async def register_tenant(settings: Settings, writer: LogWriter, draft: TenantDraft) -> Tenant:
    """Register ``draft``, or change the tenant of that id, which keeps its partition, pepper, pause and history.

    Two registrations at the same moment do not see each other: run one at a time.
    Raises CannotRegister, LogUnavailable.
    """
    directory = await read_directory(settings)
    conflicts = list(_conflicts(draft, directory))
    if conflicts:
        raise CannotRegister(f"tenant {draft.id} cannot be registered:\n  " + "\n  ".join(conflicts))
    existing = directory.by_id(draft.id)
    if existing is not None:
        tenant = draft.changing(existing)
    else:
        tenant = draft.placed(_least_loaded(settings.partitions, directory), SecretStr(secrets.token_urlsafe(32)))
    await write_tenant(settings, writer, tenant)
    return tenant


async def write_tenant(settings: Settings, writer: LogWriter, tenant: Tenant) -> None:
    """Append the tenant's record; running processes take it over. Raises LogUnavailable."""
    value = encode_tenant(tenant, Cipher(settings.master_key_bytes))
    await writer.append(TENANTS, 0, value, key=tenant.id.encode())


async def list_tenants(settings: Settings) -> list[Tenant]:
    """All tenants that can be read, in order of their ids. Raises LogUnavailable."""
    return list(await read_directory(settings))


def _least_loaded(partitions: int, tenants: Iterable[Tenant]) -> int:
    load = Counter(tenant.partition for tenant in tenants)
    return min(range(partitions), key=lambda partition: (load[partition], partition))


def _conflicts(draft: TenantDraft, directory: TenantDirectory) -> Iterator[str]:
    # A tenant that cannot be read might have any number, and a new pepper would break its threads.
    for tenant_id, reason in directory.unreadable.items():
        yield f"the record of tenant {tenant_id} cannot be read: {reason}"
    for other in directory:
        if other.id != draft.id:
            yield from _shared(draft, other)
            yield from _different_apps(draft, other)


def _shared(draft: TenantDraft, other: Tenant) -> Iterator[str]:
    for field, mine, theirs in (
        ("channels.phone_number_id", _numbers(draft), _numbers(other)),
        ("channels.integration_id", _integrations(draft), _integrations(other)),
        ("produce_keys.id", {key.id for key in draft.produce_keys}, {key.id for key in other.produce_keys}),
        ("api_keys.sha256", {key.sha256 for key in draft.api_keys}, {key.sha256 for key in other.api_keys}),
    ):
        for value in sorted(mine & theirs):
            yield f"{field}: {value} belongs to tenant {other.id}"


def _different_apps(draft: TenantDraft, other: Tenant) -> Iterator[str]:
    for app in draft.apps:
        theirs = other.app(app.name)
        if theirs is not None and theirs != app:
            yield f"apps: {app.name} is shared with tenant {other.id}, which has other secrets for it"


def _numbers(tenant: Tenant) -> set[str]:
    return {channel.phone_number_id for channel in tenant.channels}


def _integrations(tenant: Tenant) -> set[str]:
    return {channel.integration_id for channel in tenant.channels}
