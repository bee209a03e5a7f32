"""Migrations of the tables, their failure in one message."""

from __future__ import annotations

import psycopg

from projections.migrate import migrate
from schemas.errors import RelaylogError
from streams.settings import Settings


class TablesFailed(RelaylogError):
    """Postgres refused a statement, or went away."""


async def apply_migrations(settings: Settings) -> list[str]:
    """Names of the migrations that were missing and are applied now. Raises TablesFailed, RelaylogError."""
    try:
        return await migrate(settings)
    except psycopg.Error as error:
        raise TablesFailed(f"a migration failed, nothing of it stays: {error}") from error
