"""A sender on real Kafka against the simulators, with facts put into the log by the test."""

import asyncio
import base64
import json
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from mode.threads import WorkerThread
from pydantic import SecretStr

from agents.service import serve
from schemas.envelope import Envelope, decode, encode, envelope, time_of_milliseconds
from schemas.genesys.webhook import translate_genesys
from schemas.outcomes import Attempted, Checkpoint, TookOver
from schemas.tenant import Tenant
from schemas.whatsapp.webhook import split_webhook, translate_change
from simulators.config import SimulatedTenant, SimulatorsConfig
from simulators.serve import RunningSimulators, start_simulators
from streams.log import Appended, LogWriter, Record, partition_reader
from streams.provisioning import provision
from streams.registration import TenantDraft, register_tenant, write_tenant
from streams.settings import Settings
from streams.topics import EVENTS, OUTCOMES

NUMBER, INTEGRATION = "1055", "integration-1"


def now() -> str:
    return time_of_milliseconds(time.time_ns() // 1_000_000)


async def faust_has_ended() -> None:
    """Wait for threads of Faust that outlive their sender: they call on the event loop, which the test closes."""
    while any(isinstance(thread, WorkerThread) for thread in threading.enumerate()):
        await asyncio.sleep(0.05)


@dataclass
class World:
    """Everything a sender's test touches."""

    settings: Settings
    simulators: RunningSimulators
    tenant: Tenant
    writer: LogWriter
    http: aiohttp.ClientSession
    running: list[tuple[asyncio.Task[None], asyncio.Event]] = field(default_factory=list)

    def start(self, **changes: Any) -> None:
        """One more sender, as its own process would run it."""
        stop = asyncio.Event()
        settings = self.settings.model_copy(update=changes)
        self.running.append((asyncio.create_task(serve(settings, stop)), stop))

    async def stop(self) -> None:
        """Stop the oldest sender cleanly."""
        task, stop = self.running.pop(0)
        stop.set()
        await task

    async def append(self, event: Envelope) -> Appended:
        headers = (("type", event.type.encode()), ("id", event.id.encode()))
        return await self.writer.append(EVENTS, self.tenant.partition, encode(event), key=b"acme", headers=headers)

    async def says(self, wa_id: str, wamid: str, text: str, at: float | None = None) -> Envelope:
        """The customer's message becomes a fact, as the gateway would append it."""
        message = {
            "from": wa_id,
            "id": wamid,
            "timestamp": str(int(at or time.time())),
            "type": "text",
            "text": {"body": text},
        }
        value = {
            "messaging_product": "whatsapp",
            "metadata": {"display_phone_number": "15550001111", "phone_number_id": NUMBER},
            "contacts": [{"profile": {"name": "Ann"}, "wa_id": wa_id}],
            "messages": [message],
        }
        body = {
            "object": "whatsapp_business_account",
            "entry": [{"id": "77", "changes": [{"field": "messages", "value": value}]}],
        }
        (change,) = split_webhook(body)
        (event,) = translate_change(change, self.tenant, now()).facts
        await self.append(event)
        return event

    async def answers(self, wa_id: str, message_id: str, text: str, at: float | None = None) -> Envelope:
        """The agent's message becomes a fact."""
        channel = {
            "id": INTEGRATION,
            "platform": "Open",
            "type": "Private",
            "messageId": message_id,
            "to": {"id": wa_id, "idType": "Phone"},
            "from": {"id": INTEGRATION, "idType": "Opaque", "nickname": "relay"},
            "time": time_of_milliseconds(round(1000 * (at or time.time()))),
        }
        body = {"id": message_id, "channel": channel, "type": "Text", "text": text, "direction": "Outbound"}
        (event,) = translate_genesys(body, self.tenant, self.tenant.channels[0], now()).facts
        await self.append(event)
        return event

    async def types(self, wa_id: str, message_id: str, at: float | None = None) -> Envelope:
        """That an agent types becomes a fact."""
        moment = time_of_milliseconds(round(1000 * (at or time.time())))
        channel = {"id": INTEGRATION, "to": {"id": wa_id}, "from": {"id": INTEGRATION}, "time": moment}
        events = [{"eventType": "Typing", "typing": {"type": "On", "duration": 5000}}]
        body = {"id": message_id, "channel": channel, "type": "Event", "direction": "Outbound", "events": events}
        (event,) = translate_genesys(body, self.tenant, self.tenant.channels[0], now()).facts
        await self.append(event)
        return event

    async def configure(self, **changes: object) -> None:
        """Change the tenant's record."""
        self.tenant = Tenant.model_validate({**self.tenant.model_dump(), **changes})
        await write_tenant(self.settings, self.writer, self.tenant)

    async def ledger(self, platform: str, operation: str = "message") -> list[dict[str, Any]]:
        """What a simulator received, in order."""
        base = getattr(self.simulators, f"{platform}_url")
        async with self.http.get(f"{base}/_simulator/ledger") as response:
            rows = [json.loads(line) for line in (await response.text()).splitlines()]
        return [row for row in rows if row["operation"] == operation]

    async def faults(self, platform: str, *rules: dict[str, Any]) -> None:
        base = getattr(self.simulators, f"{platform}_url")
        async with self.http.put(f"{base}/_simulator/faults", json={"seed": 1, "rules": list(rules)}) as response:
            assert response.status < 300

    async def received(
        self, platform: str, count: int, operation: str = "message", seconds: float = 40
    ) -> list[dict[str, Any]]:
        """Wait until that many calls took effect."""
        deadline = time.monotonic() + seconds
        while True:
            rows = [row for row in await self.ledger(platform, operation) if row["accepted"]]
            if len(rows) >= count or time.monotonic() > deadline:
                assert len(rows) >= count, f"{len(rows)} of {count} arrived"
                return rows
            for task, _ in self.running:
                if task.done():
                    task.result()
            await asyncio.sleep(0.05)

    async def records(self, topic: str) -> list[Record]:
        """All records of the tenant's partition of a topic."""
        async with partition_reader(self.settings, topic, self.tenant.partition) as reader:
            start, end = await reader.start_offset(), await reader.end_offset()
            return [record async for record in reader.read_range(start, end)]

    async def recorded(self, type_: str, count: int, seconds: float = 40) -> list[Envelope]:
        """Wait until the outcomes hold that many records of a type."""
        deadline = time.monotonic() + seconds
        while len(found := await self.outcomes(type_)) < count:
            assert time.monotonic() < deadline, f"{len(found)} of {count} records {type_}"
            await asyncio.sleep(0.05)
        return found

    async def claim_by_nobody(self) -> None:
        """A late claim of a worker that is gone."""
        await self._outcome("sender.took_over", TookOver(sender="ghost"))

    async def checkpoint_of_another_cluster(self) -> None:
        """As after pointing to a re-created Kafka."""
        await self._outcome("sender.checkpoint", Checkpoint(cluster="elsewhere", as_of=0, owner=0, live=0))

    async def attempt_of_a_dead_worker(self, fact: Envelope, conversation: str) -> None:
        """As left by a worker that was killed after its call: the newest fact is attempted, and no answer recorded."""
        term = await self._outcome("sender.took_over", TookOver(sender="dead"))
        offset = (await self.records(EVENTS))[-1].offset
        attempted = Attempted(
            delivery=fact.id,
            offset=offset,
            platform="genesys",
            term=term.offset,
            digest="0" * 16,
            genesys_conversation_id=conversation,
        )
        await self._outcome("delivery.attempted", attempted, tenant="acme")

    async def _outcome(
        self, type_: str, data: TookOver | Checkpoint | Attempted, tenant: str | None = None
    ) -> Appended:
        event = envelope(
            id=f"test-{type_}", type=type_, source="test", time=now(), recordedtime=now(), data=data, tenantid=tenant
        )
        headers = (("type", type_.encode()),)
        return await self.writer.append(OUTCOMES, self.tenant.partition, encode(event), headers=headers)

    async def posts_by_hand(self, customer: str, wamid: str, text: str) -> str:
        """A call to Genesys that no sender of the test made; returns the conversation's id."""
        base = self.simulators.genesys_url
        basic = aiohttp.encode_basic_auth("client", "secret")
        async with self.http.post(
            f"{base}/oauth/token", data={"grant_type": "client_credentials"}, headers={"Authorization": basic}
        ) as answer:
            token = (await answer.json())["access_token"]
        channel = {"messageId": wamid, "time": now(), "from": {"id": customer, "idType": "Phone"}}
        async with self.http.post(
            f"{base}/api/v2/conversations/messages/{INTEGRATION}/inbound/open/message?prefetchConversationId=true",
            json={"channel": channel, "text": text},
            headers={"Authorization": f"Bearer {token}"},
        ) as answer:
            assert answer.status < 300
            return str((await answer.json())["conversationId"])

    async def outcomes(self, *types: str) -> list[Envelope]:
        """Outcome records of some types."""
        events = [decode(record.value) for record in await self.records(OUTCOMES)]
        return [event for event in events if event.type in types]


@pytest.fixture
async def world(request: pytest.FixtureRequest, kafka_address: str, topic_prefix: str) -> AsyncIterator[World]:
    """Parametrized indirectly, it gives the simulators that behaviour."""
    behaviour = {"customer_window": False, "pair_burst": 1_000_000, **getattr(request, "param", {})}
    simulated = {
        "id": "acme",
        "whatsapp": {
            "app": "main",
            "app_secret": "app-secret",
            "verify_token": "verify",
            "waba_id": "77",
            "phone_number_id": NUMBER,
            "display_phone_number": "15550001111",
            "access_token": "access",
            "webhook_url": "http://127.0.0.1:9/",
        },
        "genesys": {
            "client_id": "client",
            "client_secret": "secret",
            "integration_id": INTEGRATION,
            "integration_name": "relay",
            "webhook_url": "http://127.0.0.1:9/",
            "webhook_secret": "a-long-enough-secret",
            "calls_per_minute": 60000,
        },
    }
    config = SimulatorsConfig(tenants=[SimulatedTenant.model_validate(simulated)])
    simulators = await start_simulators(config, 0, 0, **behaviour)
    settings = Settings(
        kafka=kafka_address,
        topic_prefix=topic_prefix,
        partitions=2,
        master_key=SecretStr(base64.b64encode(b"k" * 32).decode()),
        whatsapp_url=simulators.whatsapp_url,
        agents_port=0,
        call_timeout=2.0,
        session_timeout=6.0,
    )
    await provision(settings)
    draft = {
        "id": "acme",
        "apps": [{"name": "main", "app_secret": "app-secret", "verify_token": "verify"}],
        "channels": [
            {
                "phone_number_id": NUMBER,
                "waba_id": "77",
                "app": "main",
                "access_token": "access",
                "integration_id": INTEGRATION,
                "webhook_secret": "a-long-enough-secret",
            }
        ],
        "genesys": {
            "login_url": simulators.genesys_url,
            "api_url": simulators.genesys_url,
            "clients": [{"client_id": "client", "client_secret": "secret", "calls_per_minute": 60000}],
        },
    }
    writer = LogWriter(settings)
    await writer.start()
    tenant = await register_tenant(settings, writer, TenantDraft.model_validate(draft))
    async with aiohttp.ClientSession() as http:
        world = World(settings, simulators, tenant, writer, http)
        yield world
        while world.running:
            await world.stop()
        await faust_has_ended()
    await writer.stop()
    await simulators.stop()
