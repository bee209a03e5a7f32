"""The command `relaylog`: a sub-command a process, and the tools. Its help is the manual."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from relaylog import cli_dead_letters, cli_tenants, cli_topics
from relaylog.run import exit_code, run
from schemas.errors import RelaylogError

_TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"]

app = typer.Typer(
    name="relaylog",
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Relays customer conversations between WhatsApp and Genesys Cloud, every fact kept in Kafka.\n\n"
    "Settings are environment variables RELAYLOG_...: see `relaylog settings`. Every command exits with 0 when it did "
    "what it says, 1 when that failed, 2 when an argument or a setting is wrong.",
)
app.add_typer(cli_topics.app, name="topics")
app.add_typer(cli_tenants.app, name="tenants")
app.add_typer(cli_dead_letters.app, name="dead-letters")


@app.command()
def up(
    once: Annotated[bool, typer.Option("--once", help="Play the demo conversation, print a summary, stop.")] = False,
    data: Annotated[Path, typer.Option(help="Folder for everything that this system keeps.")] = Path(".relaylog"),
    port_base: Annotated[
        int, typer.Option(min=0, max=65_000, help="First port; the others follow from it. 0 takes free ones.")
    ] = 8080,
    demo: Annotated[bool, typer.Option("--demo/--no-demo", help="Play the demo conversation at the start.")] = True,
) -> None:
    """The whole system on this machine, until Ctrl-C.

    Starts Kafka, Postgres and Valkey (each only when RELAYLOG_KAFKA, RELAYLOG_POSTGRES or RELAYLOG_REDIS does not
    name one of yours), makes topics and tables, and runs gateway, agents, project and query, restarting what dies.
    While no tenant is registered it simulates Genesys Cloud and WhatsApp, with two demo tenants.

    Reads settings and the data folder. Writes the data folder only; DIR/running.json there names every address and key
    while it runs, DIR/logs has a log a process.

    Exits with 0 after Ctrl-C or SIGTERM, and with --once when every step was seen; 1 when a part did not start or a
    step was not seen; 2 when a setting is wrong, a port is taken or the folder is in use.
    """
    from relaylog.up import Options, run_up

    raise typer.Exit(run_up(Options(data=data, port_base=port_base, once=once, demo=demo or once)))


@app.command()
def gateway() -> None:
    """Process: all that comes in.

    Reads webhooks of WhatsApp and Genesys Cloud over HTTP, and the topics intake and tenants. Writes facts to events,
    and what cannot be one to dead-letters. Exits with 0 after SIGTERM, 1 when Kafka cannot be reached at the start.
    """
    from streams.gateway import serve

    run(serve)


@app.command()
def agents() -> None:
    """Process: all that goes out.

    Reads events, outcomes and tenants. Calls Genesys Cloud and WhatsApp, writes each attempt and its result to
    outcomes. Exits with 0 after SIGTERM (calls in flight are awaited), 1 when it lost its place in the log: start it
    again.
    """
    from agents.service import serve

    run(serve)


@app.command()
def project() -> None:
    """Process: folds the log into tables.

    Reads events, outcomes and dead-letters, and from tenants how long to keep what. Writes Postgres, then Redis. Calls
    nobody. Exits with 0 after SIGTERM, 1 when it meets a record of a newer release or tables of another one.
    """
    from projections.worker import serve

    run(serve)


@app.command()
def query() -> None:
    """Process: answers questions over HTTP.

    Reads Postgres, Redis and the topic tenants. Writes nothing. Exits with 0 after SIGTERM.
    """
    from projections.query import serve

    run(serve)


@app.command()
def simulators(
    tenants: Annotated[Path, typer.Option(help="JSON file: the tenants and how the platforms behave.")],
    genesys_port: Annotated[int, typer.Option(min=1, max=65_535)] = 8090,
    whatsapp_port: Annotated[int, typer.Option(min=1, max=65_535)] = 8091,
) -> None:
    """Process: stand-ins for Genesys Cloud and the WhatsApp Cloud API, on 127.0.0.1.

    Reads the tenants file. Writes nothing; what they were sent is at /_simulator/ledger, in memory. Posts signed
    webhooks to the addresses in the file. Exits with 0 after SIGTERM, 2 when the file is not valid.
    """
    from relaylog.simulate import run_simulators

    run_simulators(tenants, genesys_port, whatsapp_port)


@app.command()
def migrate() -> None:
    """Bring the tables of Postgres to this release.

    Reads and writes the Postgres of RELAYLOG_POSTGRES; two at once take turns. Run it before `project` and `query` of
    a new release. Exits with 0 when the tables are as this release expects, 1 when a migration failed (nothing of it
    stays).
    """
    from relaylog.tables import run_migrate

    run_migrate()


@app.command()
def replay(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's rows.")] = None,
    since: Annotated[
        datetime | None, typer.Option(help="Only threads with a message at this time (UTC) or later.", formats=_TIMES)
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(help="Only threads with a message before this time (UTC).", formats=_TIMES)
    ] = None,
) -> None:
    """Rebuild the tables from the topics, beside the live ones, then switch.

    Reads events, outcomes and dead-letters from their beginning. Writes a new generation of tables in Postgres;
    queries go on against the old one until the switch, one transaction. Broken off, it goes on where it was when it is
    called again. With --tenant, --since or --until it folds from the beginning all the same, and takes over in one
    transaction those rows of the part that differ. Sends nothing to anybody. Prints how old and new tables compare.
    Exits with 0 when the new tables are live, 1 when the topics have a gap or the rebuild failed (the old tables stay).
    """
    from projections.shapes import Selection
    from relaylog.tables import run_replay

    times = (None if time is None else time.replace(tzinfo=UTC).isoformat() for time in (since, until))
    run_replay(Selection(tenant, *times))


@app.command()
def verify() -> None:
    """Say whether log and tables agree.

    Reads the topics and a snapshot of the tables; writes only a shadow of the tables, which it drops. Prints each row
    that differs, with its thread and the field. Exits with 0 when nothing differs, 1 when something does or the topics
    have a gap.
    """
    from relaylog.tables import run_verify

    run_verify()


@app.command()
def repair() -> None:
    """Rewrite from the topics what `verify` would name, and nothing else.

    Reads the topics and the tables as `verify` does. Writes the rows that differ, a few hundred in one transaction,
    while everything runs on. Prints what differed. Exits with 0 when log and tables agree now, 1 when something still
    differs or the topics have a gap (then nothing was written).
    """
    from relaylog.tables import run_repair

    run_repair()


@app.command()
def settings(
    markdown: Annotated[bool, typer.Option("--markdown", help="The table of the README: defaults, no values.")] = False,
) -> None:
    """Print every setting with its value, default and meaning; secrets are masked.

    Reads the environment. Exits with 2 when a setting is not valid, naming each that is not.
    """
    from relaylog.settings_table import current_lines, readme_table
    from streams.settings import load_settings

    typer.echo(readme_table() if markdown else "\n".join(current_lines(load_settings())))


def main() -> None:
    """Run the command; an error of ours is one message on stderr, not a traceback."""
    try:
        app()
    except RelaylogError as error:
        typer.echo(f"relaylog: {error}", err=True)
        sys.exit(exit_code(error))
