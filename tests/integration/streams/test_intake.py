"""The `intake` topic: signed and valid records become facts, all others dead letters; none is lost or forgotten."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from schemas.tenant import Tenant
from streams.directory import TenantDirectory
from streams.gateway.appender import Appender
from streams.gateway.intake import IntakeConsumer
from streams.gateway.metrics import GatewayMetrics
from streams.gateway.signatures import hex_signature
from streams.health import Progress
from streams.log import Appended, Entry, LogUnavailable, LogWriter
from streams.settings import Settings
from tests.integration.streams.support import NOW, Gateway, eventually, headers_of, read_log, started_gateway, text_of

Tenants = dict[str, Tenant]

pytestmark = pytest.mark.integration


def cloud_event(tenant: Tenant, text: str = "Your parcel is here.", **changes: Any) -> bytes:
    event = {
        "specversion": "1.0",
        "id": "crm-4711",
        "source": "crm",
        "type": "message.composed",
        "tenantid": tenant.id,
        "time": "2026-11-22T10:00:00Z",
        "data": {
            "channel": tenant.channels[0].phone_number_id,
            "customer": {"wa_id": "447700900123"},
            "content": {"kind": "text", "text": text},
        },
    }
    return json.dumps(event | changes).encode()


async def produce(writer: LogWriter, value: bytes | None, *, key_id: str = "acme-crm", secret: str = "acme") -> None:
    """Append to `intake` as another program does."""
    signature = hex_signature(f"produce-secret-of-{secret}".encode(), value or b"")
    headers = [("relaylog-key-id", key_id.encode()), ("relaylog-signature", signature.encode())]
    await writer.append("intake", 0, value, key=b"any", headers=headers)


async def letters(settings: Settings) -> list[tuple[bytes | None, bytes | None, str]]:
    """Key, bytes and reason of every dead letter."""
    found = await read_log(settings, "dead-letters")
    return [(record.key, record.value, headers_of(record)["reason"]) for record in found]


async def count(settings: Settings, topic: str) -> int:
    return len(await read_log(settings, topic))


async def test_a_signed_event_becomes_a_fact_and_the_same_one_twice_is_one(
    gateway: Gateway, tenants: Tenants, writer: LogWriter
) -> None:
    for _ in range(2):
        await produce(writer, cloud_event(tenants["acme"]))
    await eventually(lambda: count(gateway.settings, "events"), 2)
    first, second = await read_log(gateway.settings, "events")
    assert (first.partition, first.key) == (tenants["acme"].partition, b"acme")
    assert text_of(first) == "Your parcel is here."
    assert headers_of(first)["type"] == "message.composed"
    assert headers_of(first)["id"] == headers_of(second)["id"]


async def test_what_is_not_signed_by_a_known_key_belongs_to_nobody(
    gateway: Gateway, tenants: Tenants, writer: LogWriter
) -> None:
    value = cloud_event(tenants["acme"])
    await writer.append("intake", 0, value)
    await produce(writer, value, key_id="nobody")
    await produce(writer, value, secret="globex")
    await produce(writer, None, secret="globex")
    await eventually(lambda: count(gateway.settings, "dead-letters"), 4)
    assert await letters(gateway.settings) == [
        (None, value, "not_signed: header relaylog-key-id: expected the id of a produce key"),
        (None, value, "not_signed: header relaylog-key-id: expected the id of a produce key"),
        *[
            (
                None,
                bytes_,
                "not_signed: header relaylog-signature: expected sha256=<hex HMAC-SHA256 of the value under that key>",
            )
            for bytes_ in (value, b"")
        ],
    ]
    assert await read_log(gateway.settings, "events") == []


async def test_what_is_not_valid_is_kept_for_its_tenant_with_the_field_and_the_rest_goes_on(
    gateway: Gateway, tenants: Tenants, writer: LogWriter
) -> None:
    acme, globex = tenants["acme"], tenants["globex"]
    bad = {
        b"{not json": "value",
        cloud_event(acme, type="message.exploded"): "type",
        cloud_event(acme, tenantid="globex"): "tenantid",
        cloud_event(acme, data=json.loads(cloud_event(globex))["data"]): "data.channel",
    }
    for value in bad:
        await produce(writer, value)
    await produce(writer, cloud_event(acme, "still here"))
    await eventually(lambda: count(gateway.settings, "events"), 1)
    found = await letters(gateway.settings)
    assert [(key, value) for key, value, _ in found] == [(b"acme", value) for value in bad]
    for (_, _, reason), field in zip(found, bad.values(), strict=True):
        assert reason.startswith(f"invalid: {field}: expected ")
    letter = (await read_log(gateway.settings, "dead-letters"))[0]
    assert (letter.partition, headers_of(letter)["origin"]) == (acme.partition, "intake/0/0")


async def test_a_new_gateway_goes_on_where_the_former_one_committed(
    settings: Settings, tenants: Tenants, writer: LogWriter
) -> None:
    for text in ("first", "second"):
        await produce(writer, cloud_event(tenants["acme"], text, id=text))
        async with AsyncExitStack() as stack:
            await started_gateway(stack, settings)
            await eventually(lambda: count(settings, "events"), 1 if text == "first" else 2)
    assert [text_of(record) for record in await read_log(settings, "events")] == ["first", "second"]


class FlakyWriter(LogWriter):
    """Loses its broker for the first appends of each batch; every second one had reached the log all the same."""

    def __init__(self, settings: Settings, failures: int) -> None:
        super().__init__(settings)
        self.failures = failures

    async def append_all(self, entries: Sequence[Entry], timeout: float) -> list[Appended]:
        if self.failures:
            self.failures -= 1
            if self.failures % 2:
                await super().append_all(entries, timeout)
            raise LogUnavailable("the answer was lost")
        return await super().append_all(entries, timeout)


async def test_while_nothing_can_be_appended_nothing_is_committed_or_skipped(
    settings: Settings, tenants: Tenants, writer: LogWriter
) -> None:
    texts = [f"message {n}" for n in range(5)]
    for text in texts:
        await produce(writer, cloud_event(tenants["acme"], text, id=text))
    flaky = FlakyWriter(settings, failures=4)
    await flaky.start()
    directory, progress = TenantDirectory(settings), Progress()
    await directory.start()
    appender = Appender(flaky, settings.append_timeout, GatewayMetrics())
    running = asyncio.create_task(IntakeConsumer(settings, directory, appender, progress, lambda: NOW).run())

    async def first_copies() -> list[str]:
        return list(dict.fromkeys([text_of(record) for record in await read_log(settings, "events")]))

    await eventually(first_copies, texts)
    await eventually(lambda: committed(settings), len(texts))
    assert await read_log(settings, "dead-letters") == []
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await appender.stop()
    await directory.stop()
    await flaky.stop()


async def committed(settings: Settings) -> int:
    """Where the group would go on in partition 0 of `intake`."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(settings.topic_prefix + "intake")
        return max((meta.offset for tp, meta in offsets.items() if tp.partition == 0), default=-1)
    finally:
        await admin.close()
