"""`relaylog tenants`: registers tenants and shows them, secrets masked."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from schemas.errors import RelaylogError
from schemas.tenant import Tenant
from streams.settings import InvalidSettings, Settings, load_settings

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Register tenants and show them.")


class UnknownTenant(RelaylogError):
    """No tenant with that id is registered."""


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
    """Print id, name, partition and channels of every tenant. Reads the topic tenants."""
    for tenant in asyncio.run(_tenants(load_settings())):
        channels = ", ".join(f"{c.phone_number_id} <-> {c.integration_id}" for c in tenant.channels)
        typer.echo(f"{tenant.id:20} {tenant.label:20} partition {tenant.partition:3}  {channels}")


@app.command()
def show(tenant_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Print one tenant as JSON, secrets masked. Reads the topic tenants. Exits with 1 when there is none of that id."""
    found = [tenant for tenant in asyncio.run(_tenants(load_settings())) if tenant.id == tenant_id]
    if not found:
        raise UnknownTenant(f"no tenant {tenant_id!r} is registered: `relaylog tenants list` shows those that are")
    typer.echo(found[0].model_dump_json(indent=2))


def _text_of(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"{file} cannot be read: {error}") from None


async def _register(settings: Settings, text: str, origin: str) -> Tenant:
    from streams.log import LogWriter
    from streams.registration import TenantDraft, register_tenant

    try:
        draft = TenantDraft.model_validate_json(text)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc'])) or 'tenant'}: {e['msg']}" for e in error.errors()]
        raise InvalidSettings(f"{origin} is not a valid tenant:\n  " + "\n  ".join(lines)) from None
    writer = LogWriter(settings)
    await writer.start()
    try:
        return await register_tenant(settings, writer, draft)
    finally:
        await writer.stop()


async def _tenants(settings: Settings) -> list[Tenant]:
    from streams.registration import list_tenants

    return sorted(await list_tenants(settings), key=lambda tenant: tenant.id)
