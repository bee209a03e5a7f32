"""Bringing the tables to this release; a failure is one message."""

from __future__ import annotations

from collections.abc import Callable

import psycopg

from projections.database import connect_owner
from projections.generations import live_generation
from projections.migrate import migrate
from projections.rebuild import rebuild
from schemas.errors import RelaylogError
from streams.settings import Settings


class TablesFailed(RelaylogError):
    """Postgres refused a statement, or went away."""


async def outdated(settings: Settings) -> bool:
    """Whether the live tables are those of another release."""
    async with await connect_owner(settings) as owner:
        return (await live_generation(owner)).outdated


async def renew_outdated(settings: Settings, say: Callable[[str], None]) -> None:
    """Rebuild the tables where they are those of another release. Raises TablesFailed, RelaylogError."""
    try:
        if await outdated(settings):
            say("Postgres: the tables are those of another release, they are made anew from the topics")
            result = await rebuild(settings, lambda _: None)
            say(f"Postgres: {result.records} records folded in {result.seconds:.0f} s")
    except psycopg.Error as error:
        raise TablesFailed(f"the tables could not be made anew: {error}") from error


async def apply_migrations(settings: Settings) -> list[str]:
    """Names of the migrations that were missing and are applied now. Raises TablesFailed, RelaylogError."""
    try:
        return await migrate(settings)
    except psycopg.Error as error:
        raise TablesFailed(f"a migration failed, nothing of it stays: {error}") from error
