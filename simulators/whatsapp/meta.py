"""Meta's own side of the webhooks: the handshake of an endpoint, and any other field posted on request."""

from __future__ import annotations

import secrets
from typing import Any

import aiohttp
from aiohttp import web
from pydantic import BaseModel, ConfigDict

from simulators.background import Background
from simulators.config import SimulatedTenant
from simulators.control import bad_request, read_model
from simulators.tenants import Tenants
from simulators.webhooks import WebhookSender
from simulators.whatsapp import wire


class Handshake(BaseModel):
    """Body of `POST /_simulator/handshakes`."""

    model_config = ConfigDict(extra="forbid")

    phone_number_id: str


class RawWebhook(BaseModel):
    """Body of `POST /_simulator/webhooks`: a `value` under any `field`, echoes for instance."""

    model_config = ConfigDict(extra="forbid")

    phone_number_id: str
    field: str
    value: dict[str, Any]


class Meta:
    """Verifies endpoints (whatsapp.md 1.1) and posts what customers and statuses do not cover (1.3)."""

    def __init__(
        self, tenants: Tenants, session: aiohttp.ClientSession, sender: WebhookSender, background: Background
    ) -> None:
        self._tenants = tenants
        self._session = session
        self._sender = sender
        self._background = background

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/_simulator/handshakes", self._verify),
            web.post("/_simulator/webhooks", self._post),
        ]

    async def _verify(self, request: web.Request) -> web.Response:
        asked = await read_model(request, Handshake)
        if isinstance(asked, web.Response):
            return asked
        tenant = self._tenants.of_number(asked.phone_number_id)
        if tenant is None:
            return bad_request(f"phone_number_id: {asked.phone_number_id!r} is not known here", status=404)
        challenge = str(secrets.randbelow(10**10))
        query = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": tenant.whatsapp.verify_token}
        try:
            async with self._session.get(tenant.whatsapp.webhook_url, params=query) as answer:
                verified = answer.status == 200 and await answer.text() == challenge
                return web.json_response({"verified": verified, "status": answer.status})
        except aiohttp.ClientError:
            return web.json_response({"verified": False, "status": None})

    async def _post(self, request: web.Request) -> web.Response:
        asked = await read_model(request, RawWebhook)
        if isinstance(asked, web.Response):
            return asked
        tenant = self._tenants.of_number(asked.phone_number_id)
        if tenant is None:
            return bad_request(f"phone_number_id: {asked.phone_number_id!r} is not known here", status=404)
        self._background.start(self._deliver(tenant, wire.envelope(tenant, asked.value, asked.field)))
        return web.json_response({"posted": asked.field}, status=202)

    async def _deliver(self, tenant: SimulatedTenant, body: bytes) -> None:
        await self._sender.deliver(tenant.id, tenant.whatsapp.webhook_url, body, wire.signed_headers(tenant, body))
