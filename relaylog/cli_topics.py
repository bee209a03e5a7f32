"""`relaylog topics`: the table of topics, made and verified."""

from __future__ import annotations

import asyncio

import typer

from streams.settings import load_settings
from streams.topics import RATES, TOPICS, topic_name

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Make, list and verify the topics.")


@app.command()
def provision() -> None:
    """Create the topics that are missing and verify the others.

    Reads and writes the configuration of Kafka's topics, no records. Exits with 1 when an existing topic has another
    number of partitions or another policy than the table says: nothing is changed then.
    """
    from streams.provisioning import provision as create

    created = asyncio.run(create(load_settings()))
    for name in created:
        typer.echo(f"created {name}")
    typer.echo("every topic is as the table says")


@app.command(name="list")
def list_() -> None:
    """Print the table of topics: full name, partitions, policy. Reads settings only."""
    settings = load_settings()
    for topic in TOPICS:
        kept = "for ever" if topic.retention_ms < 0 else f"{topic.retention_ms // 86_400_000} days"
        policy = "newest value of each key" if topic.cleanup == "compact" else kept
        typer.echo(
            f"{topic_name(settings, topic.name):32} {topic.partition_count(settings):3} partitions  kept: {policy}"
        )


@app.command(name="reset-rates")
def reset_rates() -> None:
    """Empty the senders' rate table: delete its topic and create it again.

    For a sender that ends because the table is not recovered. Harmless: what the platforms allow is learnt anew from
    their answers, and running senders go on. Reads and writes no other topic. Exits with 1 when the broker refuses.
    """
    from streams.provisioning import recreate

    settings = load_settings()
    asyncio.run(recreate(settings, RATES))
    typer.echo(f"emptied {topic_name(settings, RATES)}")
