"""The tools on the tables: `relaylog migrate`, `replay`, `verify` and `repair`."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import psycopg
import typer
from rich.console import Console

from projections.audit import Result as Compared
from projections.rebuild import RebuildResult, rebuild
from projections.repair import RepairResult, repair, replay_part
from projections.shapes import EVERYTHING, Selection
from projections.verify import verify
from relaylog.migrating import TablesFailed, apply_migrations, outdated
from relaylog.progress import shown_progress
from relaylog.run import EXIT_FAILED
from streams.crash import CrashPoints
from streams.settings import load_settings

Result = TypeVar("Result")


def run_migrate() -> None:
    """Apply the missing migrations and say which. Raises TablesFailed."""
    settings = load_settings()
    for name in asyncio.run(apply_migrations(settings)):
        typer.echo(f"applied {name}")
    if _run(outdated(settings)):
        typer.echo("the tables are those of another release: `relaylog replay` makes them anew, then start `project`")
    else:
        typer.echo("the tables are as this release expects")


def run_replay(selection: Selection) -> None:
    """Rebuild the tables, or a part of them, from the log and say what changed. Raises TablesFailed, RelaylogError."""
    if selection != EVERYTHING:
        _run_part(selection)
        return
    settings = load_settings()
    with shown_progress(Console(stderr=True)) as report:
        result: RebuildResult = _run(rebuild(settings, report, CrashPoints(settings.crash_file)))
    if result.resumed:
        typer.echo(f"taken up where it was broken off, {result.resumed} records were folded before")
    typer.echo(
        f"{result.records} records folded in {result.seconds:.1f} s; {result.generation} is live, nothing was sent"
    )
    for name, table in sorted(result.tables.items()):
        before, after = table.rows
        differing = "of another shape before" if table.differing is None else f"{table.differing} rows differ"
        typer.echo(f"  {name:20} {before:10} rows before {after:10} now, {differing}")


def _run_part(selection: Selection) -> None:
    settings = load_settings()
    with shown_progress(Console(stderr=True)) as report:
        result: RepairResult = _run(replay_part(settings, report, selection))
    typer.echo(f"{result.before.records} records folded, {result.before.rows} rows compared; nothing was sent")
    _say_repaired(result)


def run_verify() -> None:
    """Compare log and tables, print what differs, and exit with 1 when anything does."""
    settings = load_settings()
    with shown_progress(Console(stderr=True)) as report:
        result: Compared = _run(verify(settings, report))
    _say_differences(result)
    typer.echo(f"{result.records} records folded, {result.rows} rows compared in {result.seconds:.1f} s")
    if result.agrees:
        typer.echo("log and tables agree")
        return
    typer.echo("`relaylog repair` rewrites what differs from the log")
    raise typer.Exit(EXIT_FAILED)


def run_repair() -> None:
    """Rewrite what differs from the log, say what that was, and exit with 1 when anything still differs."""
    settings = load_settings()
    with shown_progress(Console(stderr=True)) as report:
        result: RepairResult = _run(repair(settings, report))
    _say_differences(result.before)
    _say_repaired(result)


def _say_differences(result: Compared) -> None:
    for difference in result.differences:
        typer.echo(str(difference))
    if not result.agrees:
        left_out = result.differing - len(result.differences)
        shown = f", {left_out} of them not shown" if left_out else ""
        typer.echo(f"{result.differing} differences in {result.threads} threads{shown}")


def _say_repaired(result: RepairResult) -> None:
    typer.echo(f"{result.rewritten} rows rewritten in {result.seconds:.1f} s")
    if not result.after.agrees:
        typer.echo(f"{result.after.differing} differences are left: `relaylog replay` makes all tables anew")
        raise typer.Exit(EXIT_FAILED)
    typer.echo("log and tables agree")


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    try:
        return asyncio.run(work)
    except psycopg.Error as error:
        raise TablesFailed(f"Postgres: {error}") from error
