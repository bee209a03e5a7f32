"""The customers' side: what they say becomes signed webhooks; their devices can be told how to behave."""

from __future__ import annotations

import base64
import binascii
import time
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from simulators.background import Lanes
from simulators.books import Books
from simulators.config import SimulatedTenant
from simulators.control import bad_request, read_model
from simulators.tenants import Tenants
from simulators.webhooks import WebhookSender
from simulators.whatsapp import wire
from simulators.whatsapp.books import WhatsAppLine, kind_of, text_of
from simulators.whatsapp.devices import DeviceChange, Devices
from simulators.whatsapp.limits import NumberLimits
from simulators.whatsapp.media import MediaStore

_MEDIA = ("image", "video", "audio", "document", "sticker")


class Said(BaseModel):
    """Body of `POST /_simulator/customers/{wa_id}/messages`."""

    model_config = ConfigDict(extra="forbid")

    to: str
    #: As in a webhook, without from, id and timestamp; media may give `content_base64` and `mime_type`.
    message: dict[str, Any]


class Customers:
    """Posts one customer's messages one after the other, each until it was answered 200 (unless parallel)."""

    def __init__(
        self,
        tenants: Tenants,
        books: Books[WhatsAppLine],
        devices: Devices,
        media: MediaStore,
        limits: NumberLimits,
        lanes: Lanes,
        sender: WebhookSender,
    ) -> None:
        self._tenants = tenants
        self._books = books
        self._devices = devices
        self._media = media
        self._limits = limits
        self._lanes = lanes
        self._sender = sender

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post(r"/_simulator/customers/{wa_id:\d+}/messages", self._say),
            web.put(r"/_simulator/customers/{wa_id:\d+}", self._change),
        ]

    async def _say(self, request: web.Request) -> web.Response:
        said = await read_model(request, Said)
        if isinstance(said, web.Response):
            return said
        tenant = self._tenants.of_number(said.to)
        if tenant is None:
            return bad_request(f"to: {said.to!r} is not a phone_number_id known here", status=404)
        try:
            message = self._complete(tenant, request.match_info["wa_id"], said.message)
        except ValueError as error:
            return bad_request(str(error))
        line = self._enter(tenant, message)
        user_id = self._devices.of(message["from"]).user_id
        body = wire.envelope(tenant, {"contacts": [wire.contact(message["from"], user_id)], "messages": [message]})
        lane = (tenant.whatsapp.phone_number_id, message["from"])
        self._lanes.add(lane, lambda: self._deliver(tenant, body, line))
        return web.json_response({"id": line.id})

    async def _change(self, request: web.Request) -> web.Response:
        change = await read_model(request, DeviceChange)
        if isinstance(change, web.Response):
            return change
        self._devices.change(request.match_info["wa_id"], change)
        return web.json_response(change.model_dump(exclude_none=True))

    def _complete(self, tenant: SimulatedTenant, wa_id: str, message: dict[str, Any]) -> dict[str, Any]:
        """The message as the webhook tells it. Raises ValueError that names the field."""
        kind = message.get("type")
        if not isinstance(kind, str):
            raise ValueError("message.type: expected a text")
        head = {"from": wa_id, "id": wire.new_wamid(wa_id, inbound=True), "timestamp": str(int(time.time()))}
        user_id = self._devices.of(wa_id).user_id
        if user_id is not None:
            head["from_user_id"] = user_id
        content = message.get(kind)
        if kind in _MEDIA and isinstance(content, dict) and "content_base64" in content:
            return head | message | {kind: self._store(tenant, kind, content)}
        return head | message

    def _store(self, tenant: SimulatedTenant, kind: str, content: dict[str, Any]) -> dict[str, Any]:
        mime = content.get("mime_type")
        if not isinstance(mime, str):
            raise ValueError(f"message.{kind}.mime_type: expected a media type")
        try:
            raw = base64.b64decode(content["content_base64"], validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise ValueError(f"message.{kind}.content_base64: expected base64") from None
        others = {name: value for name, value in content.items() if name not in ("content_base64", "mime_type")}
        return others | self._media.as_in_webhook(self._media.put(tenant, raw, mime))

    def _enter(self, tenant: SimulatedTenant, message: dict[str, Any]) -> WhatsAppLine:
        self._limits.note_inbound(tenant, message["from"])
        line = WhatsAppLine(
            id=message["id"],
            direction="inbound",
            customer=message["from"],
            tenant=tenant.id,
            text=text_of(message),
            kind=kind_of(message),
            at=datetime.now(UTC),
            status="received",
            webhook="pending",
        )
        return self._books.add(line.id, line)

    async def _deliver(self, tenant: SimulatedTenant, body: bytes, line: WhatsAppLine) -> None:
        headers = wire.signed_headers(tenant, body)
        delivery = await self._sender.deliver(tenant.id, tenant.whatsapp.webhook_url, body, headers)
        line.webhook = "accepted" if delivery.accepted else "lost"
        line.attempts = delivery.attempts
