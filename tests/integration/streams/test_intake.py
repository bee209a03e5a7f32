"""The `intake` topic: signed and valid records become facts, all others dead letters; none is lost or forgotten."""

import json
from contextlib import AsyncExitStack
from typing import Any

import pytest

from schemas.tenant import Tenant
from streams.gateway.signatures import hex_signature
from streams.log import LogWriter
from streams.settings import Settings
from tests.integration.streams.support import Gateway, eventually, headers_of, read_log, started_gateway, text_of

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
