"""What an operator types about tenants and dead letters, against a real broker."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from schemas.envelope import encode
from streams.dead_letters import dead_letter, dead_letter_id
from streams.log import log_writer
from streams.provisioning import provision
from streams.registration import register_tenant
from streams.settings import Settings
from streams.topics import EVENTS, topic_name
from tests.unit.schemas.samples import CUSTOMER, received
from tests.unit.streams.samples import MASTER_KEY, make_settings, sample_draft

Typed = Callable[..., "subprocess.CompletedProcess[str]"]

pytestmark = pytest.mark.integration


async def registered_with_letters(settings: Settings) -> tuple[str, str]:
    """Ids of a dead letter of the sender and of one of the gateway, both of the tenant acme."""
    await provision(settings)
    async with log_writer(settings) as writer:
        acme = await register_tenant(settings, writer, sample_draft("acme"))
        value = encode(received())
        done = await writer.append(EVENTS, acme.partition, value, key=b"acme")
        of_sender = (value, f"{topic_name(settings, EVENTS)}/{acme.partition}/{done.offset}", "sender")
        of_gateway = (b"{not json", "webhooks/whatsapp/main", "gateway")
        for value, origin, handler in (of_sender, of_gateway):
            await dead_letter(
                writer,
                partition=acme.partition,
                tenant="acme",
                value=value,
                reason=f"why {handler}",
                origin=origin,
                handler=handler,
            )
    return dead_letter_id(of_sender[1], of_sender[0]), dead_letter_id(of_gateway[1], of_gateway[0])


@pytest.fixture
def settings(kafka_address: str, topic_prefix: str) -> Settings:
    return make_settings(kafka=kafka_address, topic_prefix=topic_prefix)


@pytest.fixture
def relaylog(settings: Settings) -> Typed:
    """Runs a command on the test's system."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RELAYLOG_")}
    environment = inherited | {
        "RELAYLOG_KAFKA": settings.kafka,
        "RELAYLOG_TOPIC_PREFIX": settings.topic_prefix,
        "RELAYLOG_PARTITIONS": str(settings.partitions),
        "RELAYLOG_MASTER_KEY": MASTER_KEY,
    }

    def typed(*arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "relaylog", *arguments]
        return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)

    return typed


def test_dead_letters_from_list_to_discard(settings: Settings, relaylog: Typed) -> None:
    message, webhook = asyncio.run(registered_with_letters(settings))

    listed = relaylog("dead-letters", "list", "--tenant", "acme").stdout
    assert message in listed and webhook in listed
    assert message not in relaylog("dead-letters", "list", "--reason", "why gateway").stdout
    assert len(relaylog("dead-letters", "list", "--limit", "1").stdout.splitlines()) == 1

    assert CUSTOMER not in relaylog("dead-letters", "show", message).stdout
    shown = json.loads(relaylog("dead-letters", "show", message, "--content").stdout)
    assert shown["content"] == json.loads(encode(received())) and shown["state"] == "open"

    refused = relaylog("dead-letters", "redrive", webhook)
    assert refused.returncode == 1 and "there is no delivery to make again" in refused.stdout
    done = relaylog("dead-letters", "redrive", "--tenant", "acme", "--all", "--reason", "corrected")
    assert (done.returncode, done.stdout.count("\n")) == (0, 1), done.stderr
    assert f"{message}: redriven (redrive 1 of the delivery {received().id})" in done.stdout
    again = relaylog("dead-letters", "redrive", message)
    assert again.returncode == 0 and f"{message}: was redriven before" in again.stdout

    assert relaylog("dead-letters", "discard", webhook, "--reason", "a test of ours").returncode == 0
    assert relaylog("dead-letters", "list").stdout == ""
    assert "nothing" in relaylog("dead-letters", "redrive", "--tenant", "acme", "--all").stdout
    states = relaylog("dead-letters", "list", "--all").stdout
    assert "discarded" in states and "redriven" in states

    missing = relaylog("dead-letters", "show", "0000")
    assert missing.returncode == 1 and "no dead letter has the id 0000" in missing.stderr


def test_a_tenant_is_paused_and_resumed(settings: Settings, relaylog: Typed) -> None:
    asyncio.run(registered_with_letters(settings))
    paused = relaylog("tenants", "pause", "acme", "--platform", "genesys", "--reason", "migration", "--by", "Ann")
    assert paused.returncode == 0, paused.stderr
    for said in (paused.stdout, relaylog("tenants", "list").stdout):
        assert "paused towards genesys" in said and "by Ann: migration" in said
    assert relaylog("tenants", "resume", "acme", "--reason", "done").returncode == 0
    record = json.loads(relaylog("tenants", "show", "acme").stdout)
    assert record["paused"] is None
    assert [(note["what"], note["reason"]) for note in record["history"]] == [
        ("paused", "migration"),
        ("resumed", "done"),
    ]
    for refused in (
        relaylog("tenants", "resume", "acme", "--reason", "x"),
        relaylog("tenants", "pause", "nobody", "--reason", "x"),
    ):
        assert refused.returncode == 1 and "Traceback" not in refused.stderr
