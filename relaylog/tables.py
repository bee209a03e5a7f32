"""The tools on the tables: `relaylog migrate`, `replay` and `verify`."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import psycopg
import typer
from rich.console import Console

from projections.rebuild import RebuildResult, rebuild
from projections.verify import VerifyResult, verify
from relaylog.migrating import TablesFailed, apply_migrations
from relaylog.progress import shown_progress
from relaylog.run import EXIT_FAILED
from streams.settings import load_settings

Result = TypeVar("Result")


def run_migrate() -> None:
    """Apply the missing migrations and say which. Raises TablesFailed."""
    for name in asyncio.run(apply_migrations(load_settings())):
        typer.echo(f"applied {name}")
    typer.echo("the tables are as this release expects")


def run_replay() -> None:
    """Rebuild the tables from the log and say what changed. Raises TablesFailed, RelaylogError."""
    settings = load_settings()
    with shown_progress(Console(stderr=True)) as report:
        result: RebuildResult = _run(rebuild(settings, report))
    typer.echo(
        f"{result.records} records folded in {result.seconds:.1f} s; {result.generation} is live, nothing was sent"
    )
    for table, (before, after) in sorted(result.tables.items()):
        typer.echo(f"  {table:20} {before:10} rows before {after:10} now")


def run_verify() -> None:
    """Compare log and tables, print what differs, and exit with 1 when anything does."""
    settings = load_settings()
    with shown_progress(Console(stderr=True)) as report:
        result: VerifyResult = _run(verify(settings, report))
    for difference in result.differences:
        typer.echo(str(difference))
    typer.echo(f"{result.records} records folded, {result.rows} rows compared in {result.seconds:.1f} s")
    if result.agrees:
        typer.echo("log and tables agree")
        return
    left_out = result.differing - len(result.differences)
    typer.echo(f"{result.differing} differences" + (f", {left_out} of them not shown" if left_out else ""))
    typer.echo("`relaylog replay` makes the tables anew from the log")
    raise typer.Exit(EXIT_FAILED)


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    try:
        return asyncio.run(work)
    except psycopg.Error as error:
        raise TablesFailed(f"Postgres: {error}") from error
