"""What tests of the simulators share: a webhook receiver that answers as told, and the calls that they repeat."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp
import orjson
from aiohttp import web

from simulators.config import SimulatedIntegration, SimulatedNumber, SimulatedTenant
from simulators.serve import RunningSimulators

QUICK: dict[str, Any] = {
    "genesys_retry_gap": 0.01,
    "genesys_timeout": 1.0,
    "meta_retry_delays": (0.01,) * 20,
    "meta_timeout": 1.0,
    "sent_seconds": 0.005,
    "delivered_seconds": 0.005,
    "read_seconds": 0.005,
}


async def until(condition: Callable[[], Any], what: str, seconds: float = 10.0) -> Any:
    """The first true value of `condition`, polled; fails with `what` at the deadline."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not seen in {seconds} s: {what}"
        await asyncio.sleep(0.005)
    return value


@dataclass
class Receiver:
    """The connector's end: every webhook it got, and the statuses with which it answers the next ones."""

    url: str = ""
    whatsapp: list[dict[str, Any]] = field(default_factory=list)
    genesys: list[dict[str, Any]] = field(default_factory=list)
    calls: int = 0
    #: Answered in turn: a status, or None for no answer within any timeout. Then 200.
    answers: list[int | None] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    def values(self, name: str) -> list[dict[str, Any]]:
        """All elements of that list over all WhatsApp webhooks: `messages` or `statuses`."""
        values = (c["value"] for w in self.whatsapp for e in w["entry"] for c in e["changes"])
        return [element for value in values for element in value.get(name, [])]

    def statuses(self, wamid: str) -> list[str]:
        return [status["status"] for status in self.values("statuses") if status["id"] == wamid]

    async def _turn(self) -> int:
        self.calls += 1
        answer = self.answers.pop(0) if self.answers else 200
        if answer is None:
            await asyncio.sleep(3600)
        return answer or 200

    async def take_whatsapp(self, request: web.Request) -> web.Response:
        raw = await request.read()
        expected = "sha256=" + hmac.digest(b"app-secret", raw, "sha256").hex()
        if request.headers["X-Hub-Signature-256"] != expected:
            return web.Response(status=401)
        status = await self._turn()
        if status == 200:
            self.raw.append(raw)
            self.whatsapp.append(json.loads(raw))
        return web.Response(status=status)

    async def take_genesys(self, request: web.Request) -> web.Response:
        raw = await request.read()
        digest = hmac.digest(request.match_info["secret"].encode(), raw, "sha256")
        if request.headers["X-Hub-Signature-256"] != f"sha256={base64.b64encode(digest).decode()}":
            return web.Response(status=401)
        status = await self._turn()
        if status < 300:
            self.genesys.append(json.loads(raw))
        return web.Response(status=status)

    async def shake(self, request: web.Request) -> web.Response:
        if request.query["hub.verify_token"] != "verify-me":
            return web.Response(status=403)
        return web.Response(text=request.query["hub.challenge"])


def tenant_at(base: str, name: str = "acme", number: str = "1055", **genesys: Any) -> SimulatedTenant:
    secret = f"{name}-webhook-secret"
    return SimulatedTenant(
        id=name,
        whatsapp=SimulatedNumber(
            app="main",
            app_secret="app-secret",
            verify_token="verify-me",
            waba_id=f"waba-{name}",
            phone_number_id=number,
            display_phone_number=f"1555000{number}",
            access_token=f"{name}-token",
            webhook_url=f"{base}/whatsapp",
        ),
        genesys=SimulatedIntegration(
            client_id=f"{name}-client",
            client_secret=f"{name}-secret",
            integration_id=f"{name}-integration",
            integration_name=f"{name} bridge",
            webhook_url=f"{base}/genesys/{secret}",
            webhook_secret=secret,
            **genesys,
        ),
    )


@dataclass
class World:
    """Simulators, receiver and a client, with the calls that tests repeat."""

    running: RunningSimulators
    receiver: Receiver
    http: aiohttp.ClientSession
    tenant: SimulatedTenant

    async def token(self, grant: str = "client_credentials", tenant: SimulatedTenant | None = None) -> str:
        genesys = (tenant or self.tenant).genesys
        answer = await self.http.post(
            f"{self.running.genesys_url}/oauth/token",
            data={"grant_type": grant},
            headers={"Authorization": aiohttp.encode_basic_auth(genesys.client_id, genesys.client_secret)},
        )
        assert answer.status == 200, await answer.text()
        return str((await answer.json())["access_token"])

    async def inbound(
        self, path: str, body: Any, token: str, integration: str | None = None, **query: str
    ) -> aiohttp.ClientResponse:
        integration = integration or self.tenant.genesys.integration_id
        return await self.http.post(
            f"{self.running.genesys_url}/api/v2/conversations/messages/{integration}/inbound/open/{path}",
            json=body,
            params=query,
            headers={"Authorization": f"Bearer {token}"},
        )

    async def send(
        self, body: dict[str, Any], token: str = "acme-token", number: str = "1055"
    ) -> aiohttp.ClientResponse:
        return await self.http.post(
            f"{self.running.whatsapp_url}/v24.0/{number}/messages",
            json={"messaging_product": "whatsapp", **body},
            headers={"Authorization": f"Bearer {token}"},
        )

    async def send_text(self, text: str, to: str = "447700900123", callback: str | None = None) -> str:
        body: dict[str, Any] = {"to": f"+{to}", "type": "text", "text": {"body": text}}
        if callback is not None:
            body["biz_opaque_callback_data"] = callback
        answer = await self.send(body)
        assert answer.status == 200, await answer.text()
        return str((await answer.json())["messages"][0]["id"])

    async def says(self, message: dict[str, Any], wa_id: str = "447700900123") -> str:
        answer = await self.http.post(
            f"{self.running.whatsapp_url}/_simulator/customers/{wa_id}/messages",
            json={"to": self.tenant.whatsapp.phone_number_id, "message": message},
        )
        assert answer.status == 200, await answer.text()
        return str((await answer.json())["id"])

    async def agent(self, **said: Any) -> str:
        body = {"integration": self.tenant.genesys.integration_id, "to": "447700900123", **said}
        answer = await self.http.post(f"{self.running.genesys_url}/_simulator/agents/messages", json=body)
        assert answer.status == 200, await answer.text()
        return str((await answer.json())["id"])

    async def put(self, base: str, path: str, body: Any) -> None:
        answer = await self.http.put(f"{base}/_simulator/{path}", json=body)
        assert answer.status == 200, await answer.text()

    async def lines(self, base: str, path: str) -> list[dict[str, Any]]:
        answer = await self.http.get(f"{base}/_simulator/{path}")
        assert answer.status == 200, await answer.text()
        return [orjson.loads(line) for line in (await answer.read()).splitlines()]


class Start(Protocol):
    """Starts a world with quick timings, `behaviour` overriding them."""

    def __call__(self, *tenants: SimulatedTenant, **behaviour: Any) -> Awaitable[World]: ...


def customer_message(text: str = "Where is my parcel?", wa_id: str = "447700900123", **more: Any) -> dict[str, Any]:
    """An inbound message as the connector posts it."""
    channel = {
        "messageId": "wamid.A1",
        "time": "2026-02-03T09:15:22.120Z",
        "from": {"id": wa_id, "idType": "Phone", "nickname": "Ann P"},
        "metadata": {"customAttributes": {"tenant": "acme"}},
    }
    return {"channel": channel | more.pop("channel", {}), "text": text, **more}
