"""Webhooks on a real broker: what is rightly signed is in the log before it is answered, nothing else is."""

import asyncio
import json
import logging
import zlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from schemas.ids import genesys_message_id, whatsapp_message_id
from schemas.tenant import Tenant
from streams.dead_letters import dead_letter_id
from streams.gateway.signatures import HEADER, base64_signature, hex_signature
from streams.log import LogWriter
from streams.registration import register_tenant
from streams.settings import Settings
from tests.integration.streams.support import (
    NOW,
    Gateway,
    agent_message,
    change,
    eventually,
    headers_of,
    message,
    read_log,
    started_gateway,
    text_of,
    update,
)
from tests.unit.streams.samples import draft_fields, sample_draft

Tenants = dict[str, Tenant]

pytestmark = pytest.mark.integration


async def test_a_whatsapp_message_is_a_fact_on_its_tenants_partition(gateway: Gateway, tenants: Tenants) -> None:
    globex = tenants["globex"]
    answer = await gateway.whatsapp(update(globex, change(globex, message("Grüße", wamid="wamid.A"))))
    assert answer == (200, {"accepted": 1, "skipped": 0, "dead_lettered": 0})
    (record,) = await read_log(gateway.settings, "events")
    assert (record.partition, record.key, text_of(record)) == (globex.partition, b"globex", "Grüße")
    event = json.loads(record.value or b"")
    assert event["id"] == whatsapp_message_id("globex", "wamid.A")
    assert headers_of(record) == {"type": "message.received", "id": event["id"]}
    assert event["recordedtime"] == NOW
    assert gateway.metric("relaylog_gateway_facts_total", type="message.received") == 1


async def test_an_agents_message_is_a_fact(gateway: Gateway, tenants: Tenants) -> None:
    status, answer = await gateway.genesys(agent_message(tenants["acme"], "Hello", id="g-7"), "acme")
    assert (status, answer["accepted"]) == (200, 1)
    (record,) = await read_log(gateway.settings, "events")
    assert headers_of(record) == {"type": "message.composed", "id": genesys_message_id("acme", "g-7")}
    assert record.partition == tenants["acme"].partition


async def test_one_body_with_numbers_of_two_tenants_reaches_both_in_order(gateway: Gateway, tenants: Tenants) -> None:
    acme, globex = tenants["acme"], tenants["globex"]
    body = update(
        acme,
        change(acme, *(message(f"a{n}", wamid=f"wamid.a{n}") for n in range(50))),
        change(globex, *(message(f"g{n}", wamid=f"wamid.g{n}") for n in range(50))),
    )
    assert await gateway.whatsapp(body) == (200, {"accepted": 100, "skipped": 0, "dead_lettered": 0})
    records = await read_log(gateway.settings, "events")
    for tenant, letter in ((acme, "a"), (globex, "g")):
        texts = [text_of(record) for record in records if record.partition == tenant.partition]
        assert texts == [f"{letter}{n}" for n in range(50)]


async def test_the_same_body_twice_has_the_same_ids(gateway: Gateway, tenants: Tenants) -> None:
    acme = tenants["acme"]
    for _ in range(2):
        await gateway.whatsapp(update(acme, change(acme, message("once"), message("again", wamid="wamid.2"))))
    ids = [headers_of(record)["id"] for record in await read_log(gateway.settings, "events")]
    assert ids[:2] == ids[2:]
    assert len(set(ids)) == 2


async def test_the_handshake_wants_mode_and_token(gateway: Gateway) -> None:
    async def ask(app: str, **query: str) -> tuple[int, str]:
        params = {f"hub.{name}": value for name, value in query.items()}
        async with gateway.session.get(f"{gateway.url}/webhooks/whatsapp/{app}", params=params) as response:
            return response.status, await response.text()

    right = {"mode": "subscribe", "verify_token": "verify-token-of-main", "challenge": "1158201444"}
    assert await ask("main", **right) == (200, "1158201444")
    for wrong in ({"mode": "unsubscribe"}, {"verify_token": "verify-token-of-other"}, {"verify_token": "ü"}):
        assert (await ask("main", **{**right, **wrong}))[0] == 403
    assert (await ask("nobody", **right))[0] == 403
    assert (await ask("main"))[0] == 403


async def test_without_a_valid_signature_nothing_is_kept_and_no_content_is_logged(
    gateway: Gateway, tenants: Tenants, caplog: pytest.LogCaptureFixture
) -> None:
    acme = tenants["acme"]
    body = json.dumps(update(acme, change(acme, message("the secret text")))).encode()
    right = b"app-secret-of-main"
    caplog.set_level(logging.DEBUG, logger="streams")
    attempts = [
        ("/webhooks/whatsapp/main", None),
        ("/webhooks/whatsapp/main", "sha256=" + "0" * 64),
        ("/webhooks/whatsapp/main", base64_signature(right, body)),
        ("/webhooks/whatsapp/main", hex_signature(right, body + b" ")),
        ("/webhooks/whatsapp/other", hex_signature(right, body)),
        ("/webhooks/whatsapp/nobody", hex_signature(right, body)),
        ("/webhooks/genesys/integration-of-acme", hex_signature(b"webhook-secret-of-acme", body)),
        ("/webhooks/genesys/integration-of-acme", base64_signature(b"webhook-secret-of-globex", body)),
        ("/webhooks/genesys/nobody", base64_signature(b"webhook-secret-of-acme", body)),
    ]
    for path, signature in attempts:
        status, answer = await gateway.post(path, body, signature)
        assert (status, answer["status"]) == (401, 401), path
    assert await read_log(gateway.settings, "events") == []
    assert await read_log(gateway.settings, "dead-letters") == []
    lines = [str(record.__dict__) for record in caplog.records if record.name.startswith("streams.gateway")]
    assert len(lines) == len(attempts)
    assert "'reason': 'unknown app'" in lines[5]
    assert not [line for line in lines if "secret text" in line or "447700900123" in line]


async def test_a_body_over_the_limit_is_not_read(gateway: Gateway) -> None:
    limit = gateway.settings.max_body_bytes
    body = b" " * (limit + 1)
    assert (await gateway.whatsapp(body))[0] == 413
    assert (await gateway.whatsapp(b" " * limit))[0] == 200

    async def without_length() -> int:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(0, len(body), 65536):
                yield b" " * 65536

        headers = {HEADER: hex_signature(b"app-secret-of-main", body)}
        url = f"{gateway.url}/webhooks/whatsapp/main"
        async with gateway.session.post(url, data=pieces(), headers=headers) as response:
            return response.status

    assert await without_length() == 413


async def test_a_compressed_body_counts_with_the_size_that_it_unfolds_to(settings: Settings, tenants: Tenants) -> None:
    limit = 3000
    async with AsyncExitStack() as stack:
        gateway = await started_gateway(stack, settings.model_copy(update={"max_body_bytes": limit}))

        async def compressed(size: int) -> int:
            body = b" " * size
            headers = {HEADER: hex_signature(b"app-secret-of-main", body), "Content-Encoding": "deflate"}
            url = f"{gateway.url}/webhooks/whatsapp/main"
            async with gateway.session.post(url, data=zlib.compress(body), headers=headers) as response:
                return response.status

        assert await compressed(limit) == 200
        assert await compressed(limit + 1) == 413


async def test_bodies_beyond_the_budget_are_put_off_and_their_places_come_back(
    settings: Settings, tenants: Tenants
) -> None:
    acme = tenants["acme"]
    body = update(acme, change(acme, message("hello")))
    budget = len(json.dumps(body)) + 10
    async with AsyncExitStack() as stack:
        gateway = await started_gateway(stack, settings.model_copy(update={"max_inflight_bytes": budget}))
        for _ in range(3):
            assert (await gateway.whatsapp(update(acme, change(acme, message("hello" * 10)))))[0] == 503
            assert (await gateway.whatsapp(body))[0] == 200
            assert (await gateway.post("/webhooks/whatsapp/main", b"unsigned", None))[0] == 401
        assert gateway.metric("relaylog_gateway_body_bytes") == 0


async def test_what_is_signed_and_not_json_is_a_dead_letter(gateway: Gateway, tenants: Tenants) -> None:
    assert await gateway.whatsapp(b"{not json") == (200, {"accepted": 0, "skipped": 0, "dead_lettered": 1})
    assert await gateway.whatsapp({"object": "page", "entry": []}) == (
        200,
        {"accepted": 0, "skipped": 0, "dead_lettered": 1},
    )
    assert (await gateway.genesys(b"\xff", "initech"))[1]["dead_lettered"] == 1
    letters = await read_log(gateway.settings, "dead-letters")
    found = {letter.value: (letter.partition, letter.key, headers_of(letter)) for letter in letters}
    partition, key, headers = found[b"{not json"]
    assert (partition, key) == (0, None)
    assert headers == {
        "id": dead_letter_id("webhooks/whatsapp/main", b"{not json"),
        "reason": "not_a_webhook: body: expected JSON",
        "origin": "webhooks/whatsapp/main",
        "handler": "gateway",
        "attempts": "0",
        "at": NOW,
    }
    assert found[b"\xff"][:2] == (tenants["initech"].partition, b"initech")


async def test_a_number_of_another_app_is_a_dead_letter_and_its_neighbours_are_not(
    gateway: Gateway, tenants: Tenants
) -> None:
    acme, initech = tenants["acme"], tenants["initech"]
    body = update(acme, change(initech, message("not here")), change(acme, message("here")))
    assert await gateway.whatsapp(body) == (200, {"accepted": 1, "skipped": 0, "dead_lettered": 1})
    (letter,) = await read_log(gateway.settings, "dead-letters")
    assert (letter.partition, letter.key, headers_of(letter)["reason"]) == (0, None, "number_not_of_app")
    assert b"not here" in (letter.value or b"")
    (record,) = await read_log(gateway.settings, "events")
    assert (record.key, text_of(record)) == (b"acme", "here")


async def test_fields_that_are_not_about_messages_are_skipped_whoever_they_belong_to(
    gateway: Gateway, tenants: Tenants
) -> None:
    acme = tenants["acme"]
    foreign = {**update(acme, {"field": "account_update", "value": {"event": "ACCOUNT_DELETED"}})}
    foreign["entry"][0]["id"] = "4711"
    assert (await gateway.whatsapp(foreign))[1] == {"accepted": 0, "skipped": 1, "dead_lettered": 0}
    assert gateway.metric("relaylog_gateway_skips_total", reason="field_account_update") == 1
    template = {"field": "message_template_status_update", "value": {"event": "APPROVED", "message_template_id": 1}}
    foreign["entry"][0]["changes"] = [template]
    assert (await gateway.whatsapp(foreign))[1] == {"accepted": 0, "skipped": 0, "dead_lettered": 1}
    assert (await gateway.whatsapp(update(acme, template)))[1] == {"accepted": 1, "skipped": 0, "dead_lettered": 0}


async def test_another_integration_in_the_body_is_a_dead_letter(gateway: Gateway, tenants: Tenants) -> None:
    body = agent_message(tenants["globex"], "for globex")
    assert (await gateway.genesys(body, "acme"))[1] == {"accepted": 0, "skipped": 0, "dead_lettered": 1}
    (letter,) = await read_log(gateway.settings, "dead-letters")
    assert headers_of(letter)["reason"].startswith("integration_mismatch")
    assert json.loads(letter.value or b"") == body


async def test_a_previous_secret_is_still_accepted(
    gateway: Gateway, tenants: Tenants, settings: Settings, writer: LogWriter
) -> None:
    initech = tenants["initech"]
    fields = draft_fields("initech", app="other")
    fields["apps"][0] |= {"app_secret": "new-app-secret", "previous_app_secret": "app-secret-of-other"}
    fields["channels"][0] |= {
        "webhook_secret": "new-webhook-secret",
        "previous_webhook_secret": "webhook-secret-of-initech",
    }
    await register_tenant(settings, writer, sample_draft("initech", **fields))

    async def status(secret: str) -> int:
        return (await gateway.whatsapp(update(initech), app="other", secret=secret))[0]

    await eventually(lambda: status("new-app-secret"), 200)
    assert await status("app-secret-of-other") == 200
    for secret in ("new-webhook-secret", "webhook-secret-of-initech"):
        assert (await gateway.genesys(agent_message(initech, "hi"), "initech", secret=secret))[0] == 200
    assert await status("oldest-app-secret") == 401


async def test_many_posts_at_once_all_arrive(gateway: Gateway, tenants: Tenants) -> None:
    acme = tenants["acme"]
    posts = [gateway.whatsapp(update(acme, change(acme, message("x", wamid=f"wamid.{n}")))) for n in range(100)]
    assert {status for status, _ in await asyncio.gather(*posts)} == {200}
    assert len({headers_of(record)["id"] for record in await read_log(gateway.settings, "events")}) == 100


async def test_metrics_and_problems_are_as_promised(gateway: Gateway) -> None:
    async with gateway.session.get(f"{gateway.url}/nowhere") as response:
        assert (response.status, response.content_type) == (404, "application/problem+json")
    async with gateway.session.get(f"{gateway.url}/metrics") as response:
        text = await response.text()
    assert 'relaylog_gateway_requests_total{route="none",status="404"} 1.0' in text
    assert await gateway.status("/livez") == 200
