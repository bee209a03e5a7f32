"""The log has lost facts that were not yet sent, or is another log: both are said, neither passes in silence."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from schemas.envelope import canonical_time, encode, envelope
from schemas.outcomes import Checkpoint
from streams.settings import Settings
from streams.topics import EVENTS, TOPICS
from tests.acceptance.stage import QUICK, Stage
from tests.acceptance.system import UpProcess, until
from tests.faults.platforms import dark, weather
from tests.faults.worker import total
from tests.history.collect import read_topic
from tests.history.history import LogRecord

#: Retention of seconds, and segments that end as soon.
SHORT = {"retention.ms": "1000", "segment.ms": "1000"}
#: A broker looks for what to remove every five minutes; here every second.
EAGER = "log.retention.check.interval.ms=1000\nlog.initial.task.delay.ms=1000\n"
BACKLOG = 12


def test_a_log_start_that_passes_a_cursor_is_a_gap(stage: Stage) -> None:
    make_broker_eager(stage)
    weather(stage, 1, *dark("acme"))
    for number in range(BACKLOG):
        stage.customer_says(stage.new_customer(), f"lost to retention {number}")
    cursor = until("a checkpoint with the cursor of acme", lambda: checkpointed_cursor(stage), 60.0)
    asyncio.run(alter_events(stage, SHORT))
    until("a log start beyond the cursor", lambda: log_start(stage, cursor.partition) > offset_of(cursor), 90.0)
    former = stage.kill("agents")
    stage.wait_restarted("agents", former)
    gap = until("destination.gap", lambda: outcomes(stage, "destination.gap"), 60.0)[0]
    assert (gap.value["tenantid"], gap.value["data"]["platform"]) == ("acme", "genesys")
    assert offset_of(cursor) <= gap.value["data"]["cursor"] < log_start(stage, cursor.partition)
    until("the metric", lambda: total(stage.metrics("agents"), "relaylog_sender_gaps_total") >= 1)
    asyncio.run(alter_events(stage, {}))
    weather(stage, 1)
    wamid = stage.customer_says(stage.new_customer(), "the first that is kept again")
    stage.line("genesys", wamid=wamid)


def test_a_checkpoint_of_another_cluster_is_refused(start_up: Callable[..., UpProcess], tmp_path: Path) -> None:
    up = start_up("--no-demo", "--port-base", "0", **QUICK)
    up.wait_until_running()
    stage = Stage(up, tmp_path / "point")
    try:
        asyncio.run(append_foreign_checkpoint(stage.running["kafka"]))
        former = stage.kill("agents")
        log = up.data / "logs" / "agents.log"
        until("the refusal", lambda: "belongs to Kafka cluster elsewhere" in log.read_text(), 60.0)
        until("the sender tried again", lambda: stage.pid("agents") != former)
        assert not stage.calls("genesys", operation="message")
        assert "RELAYLOG_TOPIC_PREFIX" in log.read_text()
    finally:
        stage.close()


def make_broker_eager(stage: Stage) -> None:
    """Start the broker again, with another interval between its looks at what is too old."""
    properties = stage.up.data / "kafka" / "server.properties"
    properties.write_text(properties.read_text() + EAGER)
    stage.wait_restarted("kafka", stage.kill("kafka"))
    wamid = stage.customer_says(stage.new_customer(), "before anything goes wrong")
    stage.line("genesys", wamid=wamid)


def checkpointed_cursor(stage: Stage) -> LogRecord | None:
    """The newest checkpoint that lists acme at Genesys with something left to send."""
    found = (c for c in reversed(outcomes(stage, "sender.checkpoint")) if _listed(c))
    return next((c for c in found if offset_of(c) > 0), None)


def offset_of(checkpoint: LogRecord) -> int:
    """acme's cursor in it."""
    return int(_listed(checkpoint)[0]["cursor"])


def _listed(checkpoint: LogRecord) -> list[dict[str, Any]]:
    listed = checkpoint.value["data"].get("destinations") or []
    return [one for one in listed if (one["tenant"], one["platform"]) == ("acme", "genesys")]


def outcomes(stage: Stage, kind: str) -> list[LogRecord]:
    """Records of one kind, in log order."""
    records = asyncio.run(read_topic(stage.running["kafka"], "relaylog.outcomes"))
    return [record for record in records if record.value.get("type") == kind]


def log_start(stage: Stage, partition: int) -> int:
    """Oldest offset that the partition of events still has."""

    async def ask() -> int:
        consumer = AIOKafkaConsumer("relaylog.events", bootstrap_servers=stage.running["kafka"])
        await consumer.start()
        try:
            [asked] = [each for each in consumer.assignment() if each.partition == partition]
            return int((await consumer.beginning_offsets([asked]))[asked])
        finally:
            await consumer.stop()

    return asyncio.run(ask())


async def alter_events(stage: Stage, changes: dict[str, str]) -> None:
    """Change the topic's configuration to that of the table with ``changes``."""
    [topic] = [each for each in TOPICS if each.name == EVENTS]
    configs = topic.configs(Settings()) | changes
    admin = AIOKafkaAdminClient(bootstrap_servers=stage.running["kafka"])
    await admin.start()
    try:
        resource = ConfigResource(ConfigResourceType.TOPIC, "relaylog.events", configs)
        [response] = await admin.alter_configs([resource])
        assert [code for code, *_ in response.resources] == [0], response
    finally:
        await admin.close()


async def append_foreign_checkpoint(address: str) -> None:
    """As if the outcomes had been copied from another cluster."""
    at = canonical_time(datetime.now(UTC))
    data = Checkpoint(cluster="elsewhere", as_of=1_000_000, owner=0, live=0)
    event = envelope(id="foreign", type="sender.checkpoint", source="test", time=at, recordedtime=at, data=data)
    producer = AIOKafkaProducer(bootstrap_servers=address, acks="all")
    await producer.start()
    try:
        for partition in range(8):
            headers = [("type", b"sender.checkpoint")]
            await producer.send_and_wait("relaylog.outcomes", encode(event), partition=partition, headers=headers)
    finally:
        await producer.stop()


def test_facts_removed_while_no_sender_ran_are_a_gap(stage: Stage) -> None:
    """No checkpoint lists the destination, since it had nothing unfinished: what was removed is said all the same."""
    wamid = stage.customer_says(stage.new_customer(), "sent before the sender stopped", "globex")
    stage.line("genesys", wamid=wamid)
    partition = until("a checkpoint of globex's partition", lambda: outcomes(stage, "sender.checkpoint"))[-1].partition
    former = stage.pid("agents")
    os.kill(former, signal.SIGSTOP)
    before, before_them = len(outcomes(stage, "destination.gap")), log_start(stage, partition)
    said = [stage.customer_says(stage.new_customer(), f"never sent {n}", "globex") for n in range(5)]
    for wamid in said:
        stage.line("whatsapp", id=wamid, webhook="accepted")
    asyncio.run(alter_events(stage, SHORT))
    until("a log start beyond them", lambda: log_start(stage, partition) > before_them, 90.0)
    os.kill(former, signal.SIGKILL)
    stage.wait_restarted("agents", former)
    asyncio.run(alter_events(stage, {}))
    after = stage.customer_says(stage.new_customer(), "after", "globex")
    stage.line("genesys", wamid=after)
    until("destination.gap", lambda: len(outcomes(stage, "destination.gap")) > before, 30.0)
