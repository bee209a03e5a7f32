"""`relaylog tenants`: registers tenants, shows them with their secrets masked, pauses and resumes them."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from relaylog.operators import By, Reason, now
from schemas.outcomes import Platform
from schemas.tenant import PLATFORMS, Pause, Tenant
from streams.settings import InvalidSettings, Settings, load_settings

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Register, show, pause and resume tenants.")


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="JSON file with one tenant (see the README); - reads stdin.")],
) -> None:
    """Register a tenant, or change one: every field is taken from the file, its partition stays.

    Reads the file and the topic tenants. Writes one record to tenants, secrets encrypted under RELAYLOG_MASTER_KEY;
    running processes take it over at once. Exits with 2 when the file is not valid, naming every bad field.
    """
    text = sys.stdin.read() if str(file) == "-" else _text_of(file)
    tenant = asyncio.run(_register(load_settings(), text, str(file)))
    typer.echo(f"registered {tenant.id} on partition {tenant.partition}")


@app.command(name="list")
def list_() -> None:
    """Print id, name, partition, channels and pause of every tenant. Reads the topic tenants."""
    for tenant in asyncio.run(_tenants(load_settings())):
        channels = ", ".join(f"{c.phone_number_id} <-> {c.integration_id}" for c in tenant.channels)
        typer.echo(f"{tenant.id:20} {tenant.label:20} partition {tenant.partition:3}  {channels}{_paused(tenant)}")


@app.command()
def show(tenant_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Print one tenant as JSON, secrets masked. Reads the topic tenants. Exits with 1 when there is none of that id."""
    found = [tenant for tenant in asyncio.run(_tenants(load_settings())) if tenant.id == tenant_id]
    if not found:
        from streams.pausing import UnknownTenant

        raise UnknownTenant(f"no tenant {tenant_id!r} is registered: `relaylog tenants list` shows those that are")
    typer.echo(found[0].model_dump_json(indent=2))


@app.command()
def pause(
    tenant_id: Annotated[str, typer.Argument(metavar="ID")],
    reason: Reason,
    platform: Annotated[
        Platform | None, typer.Option(help="Hold back only what is for this one; both, when left out.")
    ] = None,
    by: By = "",
) -> None:
    """Hold back all that is for a tenant's platforms: webhooks are taken in as ever, what they demand waits in the log.

    Reads and writes the topic tenants; senders obey at once, what they have in flight is finished. The reason stays in
    the tenant's history. Exits with 1 when there is no such tenant.
    """
    held = Pause(platforms=(platform,) if platform else PLATFORMS, reason=reason, at=now(), by=by)
    tenant = asyncio.run(_pause(load_settings(), tenant_id, held))
    typer.echo(f"{tenant.id}{_paused(tenant)}")


@app.command()
def resume(tenant_id: Annotated[str, typer.Argument(metavar="ID")], reason: Reason, by: By = "") -> None:
    """Send again what is for a tenant's platforms, beginning with what has waited.

    Reads and writes the topic tenants. Exits with 1 when there is no such tenant, or it is not paused.
    """
    asyncio.run(_resume(load_settings(), tenant_id, reason, by))
    typer.echo(f"{tenant_id} is resumed")


def _paused(tenant: Tenant) -> str:
    if tenant.paused is None:
        return ""
    held = tenant.paused
    return f"  paused towards {' and '.join(held.platforms)} since {held.at} by {held.by}: {held.reason}"


async def _pause(settings: Settings, tenant_id: str, held: Pause) -> Tenant:
    from streams.log import log_writer
    from streams.pausing import pause_tenant

    async with log_writer(settings) as writer:
        return await pause_tenant(settings, writer, tenant_id, held)


async def _resume(settings: Settings, tenant_id: str, reason: str, by: str) -> None:
    from streams.log import log_writer
    from streams.pausing import resume_tenant

    async with log_writer(settings) as writer:
        await resume_tenant(settings, writer, tenant_id, reason=reason, at=now(), by=by)


def _text_of(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"{file} cannot be read: {error}") from None


async def _register(settings: Settings, text: str, origin: str) -> Tenant:
    from streams.log import log_writer
    from streams.registration import TenantDraft, register_tenant

    try:
        draft = TenantDraft.model_validate_json(text)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc'])) or 'tenant'}: {e['msg']}" for e in error.errors()]
        raise InvalidSettings(f"{origin} is not a valid tenant:\n  " + "\n  ".join(lines)) from None
    async with log_writer(settings) as writer:
        return await register_tenant(settings, writer, draft)


async def _tenants(settings: Settings) -> list[Tenant]:
    from streams.registration import list_tenants

    return sorted(await list_tenants(settings), key=lambda tenant: tenant.id)
