"""What the Graph API refuses, with which code and HTTP status (whatsapp.md 4.1 and section 5)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.simulators.world import Start, World, tenant_at

CUSTOMER = "+447700900123"


def button(number: int, **reply: str) -> dict[str, Any]:
    return {"type": "reply", "reply": {"id": f"id-{number}", "title": f"Title {number}"} | reply}


def buttons(*found: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": "interactive",
        "interactive": {"type": "button", "body": {"text": "Choose"}, "action": {"buttons": list(found)}} | more,
    }


def menu(*sections: dict[str, Any], **action: Any) -> dict[str, Any]:
    full = {"button": "Options", "sections": list(sections)} | action
    return {"type": "interactive", "interactive": {"type": "list", "body": {"text": "Choose"}, "action": full}}


def rows(count: int, first: int = 0, **row: str) -> list[dict[str, str]]:
    return [{"id": f"row-{n}", "title": f"Row {n}"} | row for n in range(first, first + count)]


ACCEPTED = {
    "longest text": {"type": "text", "text": {"body": "x" * 4096}},
    "three buttons": buttons(button(1), button(2), button(3, id="x" * 256, title="y" * 20)),
    "header and footer": buttons(button(1), header={"type": "text", "text": "H"}, footer={"text": "F"}),
    "ten rows": menu({"rows": rows(10, description="d" * 72)}),
    "two sections": menu({"title": "A", "rows": rows(2)}, {"title": "B", "rows": rows(2, first=2)}),
    "location": {"type": "location", "location": {"latitude": "51.5", "longitude": "-0.1"}},
    "media by link": {"type": "image", "image": {"link": "https://example.com/a.jpg", "caption": "c" * 1024}},
    "contacts": {"type": "contacts", "contacts": [{"name": {"formatted_name": "Ann"}}]},
    "reaction removed": {"type": "reaction", "reaction": {"message_id": "wamid.X", "emoji": ""}},
    "reply": {"type": "text", "text": {"body": "x"}, "context": {"message_id": "wamid.X"}},
}

REFUSED: dict[str, tuple[dict[str, Any], int]] = {
    "other product": ({"messaging_product": "sms", "type": "text", "text": {"body": "x"}}, 100),
    "no recipient": ({"to": "", "type": "text", "text": {"body": "x"}}, 131008),
    "empty text": ({"type": "text", "text": {"body": ""}}, 131008),
    "text too long": ({"type": "text", "text": {"body": "x" * 4097}}, 100),
    "no object of its type": ({"type": "image", "text": {"body": "x"}}, 131008),
    "unknown type": ({"type": "poll", "poll": {}}, 131051),
    "media without id and link": ({"type": "image", "image": {"caption": "x"}}, 131008),
    "caption too long": ({"type": "image", "image": {"link": "https://e.com/a", "caption": "c" * 1025}}, 131009),
    "caption on audio": ({"type": "audio", "audio": {"link": "https://e.com/a", "caption": "c"}}, 100),
    "unknown media": ({"type": "image", "image": {"id": "4711"}}, 131009),
    "four buttons": (buttons(*(button(n) for n in range(4))), 131009),
    "no buttons": (buttons(), 131009),
    "button id too long": (buttons(button(1, id="x" * 257)), 131009),
    "button title too long": (buttons(button(1, title="x" * 21)), 131009),
    "same button titles": (buttons(button(1, title="Yes"), button(2, title="Yes")), 131009),
    "body too long for buttons": (buttons(button(1), body={"text": "x" * 1025}), 131009),
    "footer too long": (buttons(button(1), footer={"text": "x" * 61}), 131009),
    "eleven rows": (menu({"title": "A", "rows": rows(6)}, {"title": "B", "rows": rows(5, first=6)}), 131009),
    "row id too long": (menu({"rows": rows(1, id="x" * 201)}), 131009),
    "row title too long": (menu({"rows": rows(1, title="x" * 25)}), 131009),
    "description too long": (menu({"rows": rows(1, description="x" * 73)}), 131009),
    "sections without titles": (menu({"rows": rows(1)}, {"rows": rows(1, first=1)}), 131008),
    "list button too long": (menu({"rows": rows(1)}, button="x" * 21), 131009),
    "location off the globe": ({"type": "location", "location": {"latitude": 91, "longitude": 0}}, 131009),
    "reaction with context": (
        {"type": "reaction", "reaction": {"message_id": "w", "emoji": "x"}, "context": {"message_id": "w"}},
        131009,
    ),
    "to itself": ({"to": "+15550001055", "type": "text", "text": {"body": "x"}}, 131021),
    "callback data too long": ({"type": "text", "text": {"body": "x"}, "biz_opaque_callback_data": "x" * 513}, 100),
}


@pytest.mark.parametrize("name", ACCEPTED)
async def test_accepts(world: World, name: str) -> None:
    answer = await world.send({"to": CUSTOMER} | ACCEPTED[name])
    assert answer.status == 200, await answer.text()


@pytest.mark.parametrize("name", REFUSED)
async def test_refuses(world: World, name: str) -> None:
    body, code = REFUSED[name]
    answer = await world.send({"to": CUSTOMER} | body)
    error = (await answer.json())["error"]
    assert (answer.status, error["code"]) == (400, code)
    assert error["type"] == "OAuthException" and error["fbtrace_id"] and error["message"].startswith(f"(#{code})")
    assert error["error_data"]["messaging_product"] == "whatsapp" and error["error_data"]["details"]
    (row,) = await world.lines(world.running.whatsapp_url, "ledger")
    assert (row["status"], row["accepted"]) == (400, False)
    assert await world.lines(world.running.whatsapp_url, "books") == []


async def test_a_wrong_token_is_190_and_another_tenants_number_is_not_permitted(start: Start) -> None:
    text = {"to": CUSTOMER, "type": "text", "text": {"body": "x"}}
    world = await start(tenant_at("http://127.0.0.1:9"), tenant_at("http://127.0.0.1:9", "globex", "2066"))
    wrong = await world.send(text, token="nobody")
    assert (wrong.status, (await wrong.json())["error"]["code"]) == (401, 190)
    foreign = await world.send(text, number="2066")
    assert (foreign.status, (await foreign.json())["error"]["code"]) == (403, 10)
    unknown = await world.send(text, number="404")
    assert (unknown.status, (await unknown.json())["error"]["code"]) == (400, 100)
    tenants = [row["tenant"] for row in await world.lines(world.running.whatsapp_url, "ledger")]
    assert tenants == ["acme", "globex", None]


async def test_a_body_that_is_not_json_is_refused(world: World) -> None:
    answer = await world.http.post(
        f"{world.running.whatsapp_url}/v24.0/1055/messages", data=b"{", headers={"Authorization": "Bearer acme-token"}
    )
    assert (answer.status, (await answer.json())["error"]["code"]) == (400, 100)


async def test_the_pair_rate_is_131056_for_that_customer_only_until_the_limits_are_lifted(start: Start) -> None:
    world = await start(tenant_at("http://127.0.0.1:9"), pair_burst=3, pair_seconds=3600.0)
    text = {"type": "text", "text": {"body": "x"}}
    codes = [(await world.send({"to": CUSTOMER} | text)).status for _ in range(4)]
    assert codes == [200, 200, 200, 400]
    refused = await (await world.send({"to": CUSTOMER} | text)).json()
    assert refused["error"]["code"] == 131056
    assert (await world.send({"to": "+447700900999"} | text)).status == 200
    await world.put(world.running.whatsapp_url, "limits", {"tenant": "acme", "calls_per_minute": 60000})
    assert (await world.send({"to": CUSTOMER} | text)).status == 200


async def test_throughput_is_130429_with_http_400(start: Start) -> None:
    world = await start(tenant_at("http://127.0.0.1:9"))
    await world.put(world.running.whatsapp_url, "limits", {"tenant": "acme", "calls_per_minute": 1})
    text = {"to": CUSTOMER, "type": "text", "text": {"body": "x"}}
    assert (await world.send(text)).status == 200
    refused = await world.send(text)
    assert (refused.status, (await refused.json())["error"]["code"]) == (400, 130429)
    assert "Retry-After" not in refused.headers
