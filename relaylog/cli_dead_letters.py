"""`relaylog dead-letters`: what could not be used or delivered, and what an operator does about it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated

import typer

from relaylog.operators import By, Reason, now
from streams.settings import Settings, load_settings

if TYPE_CHECKING:
    from streams.dead_letter_reader import DeadLetter
    from streams.settling import Intervention, Settled

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="See what could not be used or delivered; redrive or discard it."
)


@app.command(name="list")
def list_(
    tenant: Annotated[str | None, typer.Option(help="Only what belongs to the tenant with this id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many of the newest.")] = 50,
    reason: Annotated[str, typer.Option(help="Only those whose reason contains this.")] = "",
    all_: Annotated[bool, typer.Option("--all", help="Also those that were redriven or discarded.")] = False,
) -> None:
    """Print time, id, state, tenant, the part that gave up and the reason of the newest dead letters, newest first.

    Reads the topic dead-letters, and tenants with --tenant. Writes nothing.
    """
    from relaylog.letters import line_of

    for letter in asyncio.run(_newest(load_settings(), tenant, limit, reason, all_)):
        typer.echo(line_of(letter))


@app.command()
def show(
    letter_id: Annotated[str, typer.Argument(metavar="ID")],
    content: Annotated[bool, typer.Option("--content", help="Also what is personal: names, numbers, texts.")] = False,
) -> None:
    """Print one dead letter as JSON, with its bytes decoded if they are JSON, without what is personal in them.

    Reads the topic dead-letters. Exits with 1 when there is none with that id.
    """
    from relaylog.letters import whole
    from streams.settling import existing_letters

    settings = load_settings()
    letters = asyncio.run(existing_letters(settings, range(settings.partitions), (letter_id,)))
    typer.echo(whole(letters[letter_id], content))


@app.command()
def redrive(
    letter_ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...")] = None,
    tenant: Annotated[str | None, typer.Option(help="With --all: the tenant whose letters are meant.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every open dead letter of the sender for the tenant.")] = False,
    matching: Annotated[str, typer.Option(help="With --all: only those whose reason contains this.")] = "",
    reason: Reason = "redriven by an operator",
    by: By = "",
) -> None:
    """Have deliveries that were given up made after all, behind what waits now, in their old order among themselves.

    Reads dead-letters and events. Writes a fact delivery.redriven to events for each, and a mark to dead-letters. A
    letter is redriven once, also when this is run twice; a delivery that is given up again has a new letter. What the
    gateway kept is no delivery, so it cannot be redriven. Exits with 1 when any of the letters could not be redriven, 2
    when neither ids nor --tenant with --all are given.
    """
    if bool(letter_ids) == bool(tenant and all_) or bool(tenant) != all_:
        raise typer.BadParameter("expected either ids, or --tenant with --all")
    settled = asyncio.run(_redrive(load_settings(), letter_ids or (), tenant, matching, (reason, by)))
    _tell(settled)
    if any(one.what == "cannot be redriven" for one in settled):
        raise typer.Exit(1)


@app.command()
def discard(letter_id: Annotated[str, typer.Argument(metavar="ID")], reason: Reason, by: By = "") -> None:
    """Say that nobody wants a dead letter: lists leave it out, its bytes stay as long as the topic keeps them.

    Reads dead-letters, and writes a mark there. Exits with 1 when there is none with that id, or it was redriven.
    """
    _tell([asyncio.run(_discard(load_settings(), letter_id, (reason, by)))])


async def _newest(settings: Settings, tenant: str | None, limit: int, reason: str, all_: bool) -> list[DeadLetter]:
    from streams.dead_letter_reader import newest_letters

    def wanted(letter: DeadLetter) -> bool:
        return (all_ or letter.state == "open") and reason in letter.reason and tenant in (None, letter.tenant)

    partitions = range(settings.partitions) if tenant is None else (await _partition_of(settings, tenant),)
    return await newest_letters(settings, partitions, limit, wanted)


async def _redrive(
    settings: Settings, ids: Collection[str], tenant: str | None, matching: str, why: tuple[str, str]
) -> list[Settled]:
    from rich.console import Console

    from projections.replay import Progress
    from relaylog.progress import shown_progress
    from streams.log import log_writer
    from streams.redriving import redrive_letters, redrive_tenant

    started = time.monotonic()
    with shown_progress(Console(stderr=True)) as shown:

        def report(phase: str, done: int, total: int) -> None:
            shown(Progress(phase, done, total, time.monotonic() - started))

        async with log_writer(settings) as writer:
            if tenant is None:
                partitions = range(settings.partitions)
                return await redrive_letters(settings, writer, ids, partitions, _intervention(why), report)
            partition = await _partition_of(settings, tenant)
            return await redrive_tenant(settings, writer, tenant, partition, matching, _intervention(why), report)


async def _discard(settings: Settings, letter_id: str, why: tuple[str, str]) -> Settled:
    from streams.log import log_writer
    from streams.settling import discard_letter

    async with log_writer(settings) as writer:
        return await discard_letter(settings, writer, letter_id, range(settings.partitions), _intervention(why))


async def _partition_of(settings: Settings, tenant: str) -> int:
    from streams.pausing import registered_tenant

    return (await registered_tenant(settings, tenant)).partition


def _intervention(why: tuple[str, str]) -> Intervention:
    from streams.settling import Intervention

    return Intervention(*why, at=now())


def _tell(settled: Collection[Settled]) -> None:
    for one in settled:
        typer.echo(f"{one.id}: {one.what}" + (f" ({one.detail})" if one.detail else ""))
    if not settled:
        typer.echo("there is nothing to redrive")
