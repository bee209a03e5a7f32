"""What the figures of sending share: a log, stubs of Genesys, tenants there, and facts that demand calls."""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import psutil
from aiokafka import AIOKafkaConsumer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from agents.app import APP_NAME
from relaylog.embedded.command import Command
from relaylog.embedded.kafka import EmbeddedKafka
from relaylog.embedded.ports import free_ports
from relaylog.supervisor import Child, Supervisor, child_of
from schemas.envelope import Envelope, canonical_time, encode
from schemas.genesys.webhook import translate_genesys
from schemas.tenant import Tenant
from schemas.whatsapp.webhook import split_webhook, translate_change
from streams.log import Entry, LogWriter
from streams.provisioning import provision
from streams.registration import TenantDraft, register_tenant
from streams.settings import Settings
from streams.topics import EVENTS, topic_name

#: More calls a minute than anybody can make.
BOUNDLESS = 60_000_000
_TEXT = "Where is my order? It was to come on Tuesday, and today is Friday. " * 4


@dataclass(frozen=True)
class Remote:
    """A stub that runs."""

    url: str
    http: aiohttp.ClientSession

    async def taken(self) -> dict[str, int]:
        """Calls taken so far, by integration."""
        async with self.http.get(f"{self.url}/counts") as answer:
            counts: dict[str, int] = await answer.json()
            return counts

    async def arrivals(self) -> list[tuple[str, float]]:
        """What was taken since the last question: message id and Unix seconds of each."""
        async with self.http.get(f"{self.url}/arrivals") as answer:
            return [(id, at) for id, at in await answer.json()]

    async def set(self, state: str, integration: str) -> None:
        """Let an integration be ``down``, ``silent`` or ``up``."""
        async with self.http.put(f"{self.url}/{state}/{integration}") as answer:
            answer.raise_for_status()


@dataclass(frozen=True)
class Sending:
    """A sender that runs."""

    name: str
    metrics: str
    process: psutil.Process
    http: aiohttp.ClientSession

    async def metric(self, name: str, **labels: str) -> float:
        """Sum of a metric's samples that have those labels."""
        async with self.http.get(self.metrics) as answer:
            families = text_string_to_metric_families(await answer.text())
        samples = (sample for family in families for sample in family.samples if sample.name == name)
        return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())

    def cpu_seconds(self) -> float:
        """Time that it has spent computing."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def rss_mib(self) -> float:
        """Its memory."""
        return float(self.process.memory_info().rss) / 2**20

    def check(self) -> None:
        """Raises RuntimeError when it is not the process any more that was started."""
        if not self.process.is_running():
            raise RuntimeError(f"{self.name} has ended meanwhile")


@dataclass(frozen=True)
class Servers:
    """A broker, and a supervisor for what is measured."""

    kafka: str
    data: Path
    supervisor: Supervisor
    http: aiohttp.ClientSession

    async def stub(self, delay: float, port: int | None = None) -> Remote:
        """A stub that answers after ``delay`` seconds."""
        port = port or free_ports(1)[0]
        await self.start(f"stub-{port}", ("bench.remote_stub", str(port), str(delay)), {}, f"{port}/counts")
        return Remote(f"http://127.0.0.1:{port}", self.http)

    async def start(self, name: str, module: tuple[str, ...], environment: dict[str, str], probe: str) -> None:
        """Start ``python -m MODULE``; it is ready when ``probe`` (port and path) answers 200."""

        async def ready() -> bool:
            try:
                async with self.http.get(f"http://127.0.0.1:{probe}") as answer:
                    return answer.status == 200
            except aiohttp.ClientError:
                return False

        command = Command(argv=(sys.executable, "-m", *module), env=dict(os.environ) | environment)
        log = self.data / f"{name}.log"
        await self.supervisor.start(Child(name=name, command=lambda: command, ready=ready, log=log))

    async def sender(self, settings: Settings) -> Sending:
        """A sender as a process of its own, as soon as it is ready."""
        [port] = free_ports(1)
        name = f"sender-{port}"
        environment = {
            "RELAYLOG_KAFKA": settings.kafka,
            "RELAYLOG_TOPIC_PREFIX": settings.topic_prefix,
            "RELAYLOG_PARTITIONS": str(settings.partitions),
            "RELAYLOG_MASTER_KEY": settings.master_key.get_secret_value(),
            "RELAYLOG_AGENTS_PORT": str(port),
            "RELAYLOG_DUPLICATE_WINDOW": str(settings.duplicate_window),
            "RELAYLOG_CALLS_IN_FLIGHT": str(settings.calls_in_flight),
        }
        await self.start(name, ("relaylog", "agents"), environment, f"{port}/readyz")
        process = psutil.Process(self.supervisor.pids[name])
        return Sending(name, f"http://127.0.0.1:{port}/metrics", process, self.http)

    async def settings(self, partitions: int, **more: Any) -> Settings:
        """Settings with topics of their own, which are made."""
        settings = Settings(
            kafka=self.kafka,
            topic_prefix=f"bench-{secrets.token_hex(4)}.",
            partitions=partitions,
            master_key=SecretStr(base64.b64encode(bytes(32)).decode()),
        ).model_copy(update=more)
        await provision(settings)
        return settings


@asynccontextmanager
async def servers() -> AsyncIterator[Servers]:
    """Started, and stopped at the end of the block."""
    with tempfile.TemporaryDirectory(prefix="relaylog-bench-") as folder:
        data = Path(folder)
        kafka, supervisor = EmbeddedKafka(data, *free_ports(2)), Supervisor(print, lambda _pids: None)
        try:
            await asyncio.to_thread(kafka.prepare, print)
            await supervisor.start(child_of(kafka, data))
            async with aiohttp.ClientSession() as http:
                yield Servers(kafka.address, data, supervisor, http)
        finally:
            await supervisor.stop_all()


def integration_of(tenant: str) -> str:
    """Id of the integration of a tenant of the bench."""
    return f"integration-{tenant}"


async def register(settings: Settings, writer: LogWriter, id: str, url: str, per_minute: int = BOUNDLESS) -> Tenant:
    """A tenant whose Genesys is the stub at ``url``."""
    draft = {
        "id": id,
        "apps": [{"name": id, "app_secret": "app-secret", "verify_token": "verify"}],
        "channels": [
            {
                "phone_number_id": f"number-{id}",
                "waba_id": f"waba-{id}",
                "app": id,
                "access_token": "access",
                "integration_id": integration_of(id),
                "webhook_secret": "a-long-enough-secret",
            }
        ],
        "genesys": {
            "login_url": url,
            "api_url": url,
            "clients": [{"client_id": f"client-{id}", "client_secret": "secret", "calls_per_minute": per_minute}],
        },
    }
    return await register_tenant(settings, writer, TenantDraft.model_validate(draft))


def message(tenant: Tenant, customer: int, number: int | str) -> Envelope:
    """A customer's text, which demands a call to Genesys."""
    wa_id, channel, now = f"4477009{customer:05}", tenant.channels[0], datetime.now(UTC)
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550001111", "phone_number_id": channel.phone_number_id},
        "contacts": [{"profile": {"name": f"Customer {customer}"}, "wa_id": wa_id}],
        "messages": [
            {
                "from": wa_id,
                "id": f"wamid.{tenant.id}.{number}",
                "timestamp": str(int(now.timestamp())),
                "type": "text",
                "text": {"body": f"{number}: {_TEXT}"},
            }
        ],
    }
    entry = {"id": channel.waba_id, "changes": [{"field": "messages", "value": value}]}
    [change] = split_webhook({"object": "whatsapp_business_account", "entry": [entry]})
    [fact] = translate_change(change, tenant, canonical_time(now)).facts
    return fact


def typing(tenant: Tenant, customer: int, number: int) -> Envelope:
    """An agent's typing indicator, so old that it demands nothing any more."""
    channel = {
        "id": integration_of(tenant.id),
        "platform": "Open",
        "type": "Private",
        "to": {"id": f"4477009{customer:05}", "idType": "Phone"},
        "from": {"id": integration_of(tenant.id), "idType": "Opaque"},
        "time": "2026-01-01T00:00:00.000Z",
    }
    events = [{"eventType": "Typing", "typing": {"type": "On", "duration": 5000}}]
    id = uuid.uuid5(uuid.NAMESPACE_OID, f"{tenant.id} {number}").hex
    body = {"id": id, "channel": channel, "type": "Event", "direction": "Outbound", "events": events}
    [fact] = translate_genesys(body, tenant, tenant.channels[0], canonical_time(datetime.now(UTC))).facts
    return fact


async def skip(settings: Settings) -> None:
    """As if a sender had been running: Faust's commits are at the end of ``events``."""
    group = settings.topic_prefix + APP_NAME
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic_name(settings, EVENTS), number) for number in range(settings.partitions)]
        consumer.assign(partitions)
        await consumer.commit(await consumer.end_offsets(partitions))
    finally:
        await consumer.stop()


def entry(partition: int, fact: Envelope) -> Entry:
    """A fact as the gateway would append it."""
    headers = (("type", fact.type.encode()), ("id", fact.id.encode()))
    return Entry(EVENTS, partition, encode(fact), key=(fact.tenantid or "").encode(), headers=headers)


def alike(one: Entry, fact: Envelope) -> Iterator[Entry]:
    """Without end, entries like the one of ``fact``, each with an id of its own: made a hundred times as fast."""
    before, after = (one.value or b"").split(fact.id.encode())
    type_, _ = one.headers
    while True:
        id = uuid.uuid4().hex.encode()
        yield replace(one, value=before + id + after, headers=(type_, ("id", id)))


async def append(writer: LogWriter, facts: Iterable[tuple[int, Envelope]]) -> None:
    """Append facts, each to its partition of events, and wait until all are there."""
    await append_entries(writer, (entry(partition, fact) for partition, fact in facts))


async def append_entries(writer: LogWriter, entries: Iterable[Entry]) -> None:
    """Append entries and wait until all are there."""
    pending: list[asyncio.Future[Any]] = []
    for each in entries:
        future = await writer.enqueue(each.topic, each.partition, each.value, key=each.key, headers=each.headers)
        pending.append(future)
        if len(pending) == 2000:
            await asyncio.gather(*pending)
            pending.clear()
    await asyncio.gather(*pending)
