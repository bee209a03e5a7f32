"""Helpers of the tests that need a broker: signing, posting, reading the log, waiting for something to become true."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import aiohttp
from prometheus_client import CollectorRegistry

from schemas.tenant import Tenant
from streams.gateway.service import build_gateway
from streams.gateway.signatures import HEADER, base64_signature, hex_signature
from streams.http import serve_app
from streams.log import Record, partition_reader
from streams.settings import Settings

NOW = "2026-11-23T10:00:00.000Z"
#: Genesys gives up after ten seconds (genesys.md 4.3); a slower answer fails a test.
PATIENCE = aiohttp.ClientTimeout(total=9.5)


async def eventually(probe: Callable[[], Awaitable[Any]], expected: Any, seconds: float = 60.0) -> None:
    """Wait until ``probe`` gives ``expected``; what it gave last is in the error."""
    found: Any = None
    try:
        async with asyncio.timeout(seconds):
            while (found := await probe()) != expected:
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"expected {expected!r} within {seconds} s, the last was {found!r}") from None


def hex_signed(body: Any, secret: str) -> tuple[bytes, dict[str, str]]:
    """Bytes and headers as Meta sends them: JSON in ASCII only, signed; bytes are signed as they are."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return raw, {"Content-Type": "application/json", HEADER: hex_signature(secret.encode(), raw)}


@dataclass(frozen=True)
class Gateway:
    """A running gateway, called as the platforms call it."""

    url: str
    session: aiohttp.ClientSession
    settings: Settings
    registry: CollectorRegistry

    async def status(self, path: str) -> int:
        async with self.session.get(self.url + path) as response:
            return response.status

    async def post(self, path: str, body: bytes, signature: str | None) -> tuple[int, Any]:
        headers = {"Content-Type": "application/json"} | ({HEADER: signature} if signature else {})
        async with self.session.post(self.url + path, data=body, headers=headers, timeout=PATIENCE) as response:
            return response.status, await response.json(content_type=None)

    async def whatsapp(self, body: Any, *, app: str = "main", secret: str | None = None) -> tuple[int, Any]:
        raw, headers = hex_signed(body, secret or f"app-secret-of-{app}")
        return await self.post(f"/webhooks/whatsapp/{app}", raw, headers[HEADER])

    async def genesys(
        self, body: Any, tenant: str, *, secret: str | None = None, integration: str | None = None
    ) -> tuple[int, Any]:
        """Post a body as Genesys does, to the integration of a sample tenant unless told otherwise."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        signature = base64_signature((secret or f"webhook-secret-of-{tenant}").encode(), raw)
        return await self.post(f"/webhooks/genesys/{integration or f'integration-of-{tenant}'}", raw, signature)

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


async def started_gateway(stack: AsyncExitStack, settings: Settings, *, ready: bool = True) -> Gateway:
    """Start a gateway on a free port; it is stopped with ``stack``."""
    session = await stack.enter_async_context(aiohttp.ClientSession())
    registry = CollectorRegistry()
    parts = build_gateway(settings, registry, session, clock=lambda: NOW)
    runner = await serve_app(parts.app, "127.0.0.1", 0)
    stack.push_async_callback(parts.stop)
    stack.push_async_callback(runner.cleanup)
    running = asyncio.create_task(parts.run())

    async def cancel() -> None:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    stack.push_async_callback(cancel)
    gateway = Gateway(f"http://127.0.0.1:{runner.addresses[0][1]}", session, settings, registry)
    if ready:
        await eventually(lambda: gateway.status("/readyz"), 200)
    return gateway


async def read_log(settings: Settings, topic: str) -> list[Record]:
    """Every record of all partitions of a topic, partition by partition."""
    found: list[Record] = []
    for partition in range(settings.partitions):
        async with partition_reader(settings, topic, partition) as reader:
            end = await reader.end_offset()
            found += [record async for record in reader.read_range(await reader.start_offset(), end)]
    return found


def text_of(record: Record) -> str:
    """What the message of a record says."""
    return str(json.loads(record.value or b"")["data"]["personal"]["content"]["text"])


def headers_of(record: Record) -> dict[str, str]:
    return {name: value.decode() for name, value in record.headers}


def message(text: str, *, wamid: str = "wamid.1", sender: str = "447700900123") -> dict[str, Any]:
    return {"from": sender, "id": wamid, "timestamp": "1795428000", "type": "text", "text": {"body": text}}


def change(tenant: Tenant, *messages: dict[str, Any], number: str | None = None) -> dict[str, Any]:
    """One change of a WhatsApp update, for the tenant's number unless told otherwise."""
    metadata = {"display_phone_number": "1555", "phone_number_id": number or tenant.channels[0].phone_number_id}
    value = {"messaging_product": "whatsapp", "metadata": metadata, "messages": list(messages)}
    return {"field": "messages", "value": value}


def update(tenant: Tenant, *changes: dict[str, Any]) -> dict[str, Any]:
    """A WhatsApp update of the tenant's business account."""
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": tenant.channels[0].waba_id, "changes": list(changes)}],
    }


def agent_message(tenant: Tenant, text: str, *, id: str = "genesys-1") -> dict[str, Any]:
    """A text of an agent, as Genesys posts it."""
    integration = tenant.channels[0].integration_id
    return {
        "id": id,
        "channel": {
            "id": integration,
            "platform": "Open",
            "type": "Private",
            "messageId": id,
            "to": {"id": "447700900123", "idType": "Phone"},
            "from": {"nickname": "Bridge", "id": integration, "idType": "Opaque"},
            "time": "2026-11-23T09:59:59.123Z",
        },
        "type": "Text",
        "text": text,
        "direction": "Outbound",
        "originatingEntity": "Human",
    }
