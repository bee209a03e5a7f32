"""The routes under `/_simulator` that both platforms have: ledger, faults, limits, tenants; and the command."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import ValidationError

from simulators.config import SimulatorsConfig, meta_retry_delays
from simulators.faults import FaultPlan, Faults
from simulators.serve import start_simulators
from tests.contract.simulators.world import Receiver, Start, World, customer_message, tenant_at, until

FIELDS = ["n", "at", "tenant", "operation", "customer", "id", "body", "status", "accepted"]


async def rule(world: World, do: str, operation: str = "message", **more: Any) -> None:
    rules = [{"match": {"tenant": "acme", "operation": operation}, "do": do, **more}]
    for base in (world.running.whatsapp_url, world.running.genesys_url):
        await world.put(base, "faults", {"seed": 1, "rules": rules})


async def heal(world: World) -> None:
    for base in (world.running.whatsapp_url, world.running.genesys_url):
        await world.put(base, "faults", {"rules": []})


async def test_the_ledger_pages_in_order_of_arrival(world: World) -> None:
    for n in range(5):
        await world.send_text(str(n), callback=f"callback-{n}")
    base = world.running.whatsapp_url
    rows = await world.lines(base, "ledger")
    assert [list(row) for row in rows] == [FIELDS] * 5
    assert [row["n"] for row in rows] == [1, 2, 3, 4, 5]
    assert [row["id"] for row in rows] == [f"callback-{n}" for n in range(5)]
    assert {row["customer"] for row in rows} == {"447700900123"}
    assert await world.lines(base, "ledger?after=1&limit=2") == rows[1:3]
    assert await world.lines(base, "ledger?after=5") == []
    assert (await world.http.get(f"{base}/_simulator/ledger?after=-1")).status == 400


async def test_a_bounded_ledger_keeps_its_numbers(start: Start) -> None:
    world = await start(ledger_rows=10)
    for n in range(25):
        await world.send({"to": "447700900123", "type": "text", "text": {"body": str(n)}})
    rows = await world.lines(world.running.whatsapp_url, "ledger")
    assert 10 <= len(rows) <= 11 and rows[-1]["n"] == 25
    assert [row["n"] for row in await world.lines(world.running.whatsapp_url, "ledger?after=23")] == [24, 25]


@pytest.mark.parametrize(("do", "whatsapp", "genesys"), [("status 503", 503, 503), ("429", 400, 429)])
async def test_a_refusing_fault_has_no_effect_until_healed(world: World, do: str, whatsapp: int, genesys: int) -> None:
    token = await world.token()
    await rule(world, do)
    text = {"to": "447700900123", "type": "text", "text": {"body": "x"}}
    refused = await world.send(text)
    assert refused.status == whatsapp and (await refused.json())["error"]["code"]
    refused = await world.inbound("message", customer_message(), token)
    assert refused.status == genesys and (await refused.json())["contextId"]
    assert ("Retry-After" in refused.headers) is (do == "429")
    for base in (world.running.whatsapp_url, world.running.genesys_url):
        assert (await world.lines(base, "ledger"))[-1]["accepted"] is False
        assert await world.lines(base, "books") == []
    await heal(world)
    assert (await world.send(text)).status == 200


@pytest.mark.parametrize(("do", "effect"), [("drop answer", True), ("reset", False)])
async def test_a_cut_connection_takes_effect_only_if_the_answer_is_dropped(world: World, do: str, effect: bool) -> None:
    token = await world.token()
    await rule(world, do)
    with pytest.raises(aiohttp.ClientConnectionError):
        await world.send_text("x", callback="c")
    with pytest.raises(aiohttp.ClientConnectionError):
        await world.inbound("message", customer_message(), token)
    for base in (world.running.whatsapp_url, world.running.genesys_url):
        row = (await world.lines(base, "ledger"))[-1]
        assert (row["status"], row["accepted"]) == (None, effect)
        assert bool(await world.lines(base, "books")) is effect


async def test_a_delay_comes_before_the_effect(world: World) -> None:
    await rule(world, "delay 0.3")
    sending = asyncio.create_task(world.send_text("x"))
    base = world.running.whatsapp_url
    while not (rows := await world.lines(base, "ledger")):
        await asyncio.sleep(0.005)
    assert (rows[0]["status"], rows[0]["accepted"]) == (None, False)
    await sending
    assert (await world.lines(base, "ledger"))[0]["accepted"] is True


async def test_rules_match_by_tenant_and_operation(start: Start) -> None:
    world = await start(tenant_at("http://127.0.0.1:9"), tenant_at("http://127.0.0.1:9", "globex", "2066"))
    await rule(world, "status 503")
    text = {"to": "447700900123", "type": "text", "text": {"body": "x"}}
    assert (await world.send(text)).status == 503
    assert (await world.send(text, token="globex-token", number="2066")).status == 200
    wamid = await world.says({"type": "text", "text": {"body": "hi"}})
    assert (await world.send({"status": "read", "message_id": wamid})).status == 200


async def test_a_webhook_whose_answer_is_lost_comes_twice(world: World) -> None:
    await rule(world, "drop answer", operation="webhook", **{"for": 3600})
    wamid = await world.says({"type": "text", "text": {"body": "hi"}})
    await until(lambda: len(world.receiver.values("messages")) >= 2, "the second copy")
    assert {message["id"] for message in world.receiver.values("messages")} == {wamid}
    await heal(world)


async def test_a_rule_without_operation_leaves_webhooks_alone(world: World) -> None:
    rules = [{"match": {"tenant": "acme"}, "do": "reset"}]
    await world.put(world.running.whatsapp_url, "faults", {"seed": 1, "rules": rules})
    await world.says({"type": "text", "text": {"body": "hi"}})
    await until(lambda: world.receiver.values("messages"), "the message")
    assert world.receiver.calls == 1


async def test_an_unknown_control_route_is_not_a_call(world: World) -> None:
    for base in (world.running.whatsapp_url, world.running.genesys_url):
        assert (await world.http.get(f"{base}/_simulator/nothing")).status == 404
        assert (await world.http.get(f"{base}/nothing")).status in (400, 404)
        assert [row["operation"] for row in await world.lines(base, "ledger")] == ["other"]


def test_the_same_seed_gives_the_same_faults() -> None:
    plan = FaultPlan.model_validate({"seed": 7, "rules": [{"do": "status 500", "share": 0.3, "for": 10}]})
    runs = []
    for _ in range(2):
        faults = Faults()
        faults.put(plan, now=0.0)
        runs.append([faults.draw("acme", "message", now=5.0).kind for _ in range(200)])
        assert faults.draw("acme", "message", now=10.0).kind == "none"
    assert runs[0] == runs[1]
    assert 30 < runs[0].count("status") < 90


async def test_bad_orders_name_the_field(world: World) -> None:
    base = world.running.whatsapp_url
    for path, body, named in (
        ("faults", {"rules": [{"do": "explode"}]}, "rules.0.do"),
        ("faults", {"rules": [{"do": "reset", "share": 2}]}, "rules.0.share"),
        ("limits", {"tenant": "acme", "calls_per_minute": 0}, "calls_per_minute"),
        ("limits", {"tenant": "nobody", "calls_per_minute": 5}, "tenant"),
        ("tenants/other", world.tenant.model_dump(), "id"),
    ):
        answer = await world.http.put(f"{base}/_simulator/{path}", json=body)
        assert answer.status in (400, 404) and (await answer.json())["error"].startswith(named)


async def test_a_tenant_can_be_added_while_running(world: World) -> None:
    globex = tenant_at(world.receiver.url, "globex", "2066")
    for base in (world.running.whatsapp_url, world.running.genesys_url):
        await world.put(base, "tenants/globex", globex.model_dump())
        assert (await world.http.get(f"{base}/livez")).status == 200
    text = {"to": "447700900123", "type": "text", "text": {"body": "x"}}
    assert (await world.send(text, token="globex-token", number="2066")).status == 200
    answer = await world.inbound("message", customer_message(), await world.token(tenant=globex), "globex-integration")
    assert answer.status == 200


async def test_an_unknown_setting_is_named(receiver: Receiver) -> None:
    with pytest.raises(ValidationError, match="sent_secondz"):
        await start_simulators(SimulatorsConfig(), 0, 0, sent_secondz=1)


def test_meta_retries_for_seven_days_starting_at_once() -> None:
    delays = meta_retry_delays()
    assert delays[0] <= 1 and max(delays) <= 3600 and 7 * 86400 <= sum(delays) < 7 * 86400 + 3600


async def test_the_command_serves_until_it_is_told_to_stop(tmp_path: Path, receiver: Receiver) -> None:
    tenants = tmp_path / "tenants.json"
    tenants.write_text(SimulatorsConfig(tenants=[tenant_at(receiver.url)]).model_dump_json())
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulators", "--tenants", str(tenants), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    urls = [(await asyncio.wait_for(process.stdout.readline(), 20)).split()[-1].decode() for _ in range(2)]
    async with aiohttp.ClientSession() as http:
        for url in urls:
            assert (await http.get(f"{url}/livez")).status == 200
        body = {"to": "1055", "message": {"type": "text", "text": {"body": "hi"}}}
        assert (await http.post(f"{urls[1]}/_simulator/customers/447700900123/messages", json=body)).status == 200
        await until(lambda: receiver.values("messages"), "the webhook")
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 20) == 0


async def test_a_bad_tenants_file_stops_the_command(tmp_path: Path) -> None:
    tenants = tmp_path / "tenants.json"
    tenants.write_text('{"tenants": [{"id": "acme"}]}')
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulators", "--tenants", str(tenants), stderr=asyncio.subprocess.PIPE
    )
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 2 and b"tenants.0.whatsapp" in errors
