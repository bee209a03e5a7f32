"""The tools on the tables: `relaylog migrate`, `replay` and `verify`."""

from __future__ import annotations

import asyncio

import psycopg
import typer

from projections.migrate import migrate
from schemas.errors import RelaylogError
from streams.settings import load_settings


class TablesFailed(RelaylogError):
    """Postgres refused a statement."""


def run_migrate() -> None:
    """Apply the missing migrations and say which. Raises TablesFailed."""
    try:
        applied = asyncio.run(migrate(load_settings()))
    except psycopg.Error as error:
        raise TablesFailed(f"a migration failed: {error}") from error
    for name in applied:
        typer.echo(f"applied {name}")
    typer.echo("the tables are as this release expects")
