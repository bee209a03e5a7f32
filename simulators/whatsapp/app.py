"""The WhatsApp Cloud API simulator as one aiohttp application."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import aiohttp
import orjson
from aiohttp import web

from simulators.background import Background, Lanes
from simulators.books import Books
from simulators.config import Behaviour, SimulatedTenant
from simulators.control import Control
from simulators.faults import Faults
from simulators.ledger import Ledger
from simulators.reception import Call, Reception
from simulators.tenants import Tenants
from simulators.webhooks import RetryPolicy, WebhookSender, meta_verdict
from simulators.whatsapp import validation, wire
from simulators.whatsapp.books import WhatsAppLine, kind_of, text_of
from simulators.whatsapp.customers import Customers
from simulators.whatsapp.devices import Devices
from simulators.whatsapp.door import number_of
from simulators.whatsapp.limits import NumberLimits
from simulators.whatsapp.manner import GraphManner, json_answer, refusal
from simulators.whatsapp.media import MediaRoutes, MediaStore
from simulators.whatsapp.meta import Meta
from simulators.whatsapp.statuses import Journeys, StatusOutbox

_LARGEST_BODY = 160 * 2**20
#: whatsapp.md 4.3
_TYPING_SHOWN = timedelta(seconds=25)
_MEDIA_KINDS = ("image", "video", "audio", "document", "sticker")


class Messages:
    """`POST /{version}/{phone_number_id}/messages`: sends, mark-read and typing (whatsapp.md section 4)."""

    def __init__(
        self,
        reception: Reception,
        tenants: Tenants,
        books: Books[WhatsAppLine],
        limits: NumberLimits,
        media: MediaStore,
        journeys: Journeys,
    ) -> None:
        self._reception = reception
        self._tenants = tenants
        self._books = books
        self._limits = limits
        self._media = media
        self._journeys = journeys
        #: By thread: the message under which the customer sees somebody type.
        self._typing: dict[tuple[str, str], WhatsAppLine] = {}

    def routes(self) -> list[web.RouteDef]:
        return [web.post(r"/{version:v\d+\.\d+}/{phone_number_id}/messages", self._receive)]

    def fallback(self) -> web.RouteDef:
        """Whatever no other route takes; to be added last."""
        return web.route("*", "/{tail:.*}", self._unknown)

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        try:
            body: Any = orjson.loads(await request.read())
        except orjson.JSONDecodeError:
            body = None
        tenant = self._tenants.of_number(request.match_info["phone_number_id"])
        marks_read = validation.is_mark_read(body)
        callback = body.get("biz_opaque_callback_data") if isinstance(body, dict) else None
        call = Call(
            "read" if marks_read else "message",
            tenant.id if tenant else None,
            validation.recipient_of(body),
            callback if isinstance(callback, str) else None,
            body,
        )

        async def act() -> web.StreamResponse:
            owner = number_of(request, self._tenants)
            if not isinstance(body, dict):
                raise refusal(100, "The body must be a JSON object.")
            return json_answer(self._mark_read(owner, body) if marks_read else self._send(owner, body))

        return await self._reception.receive(request, call, act)

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        async def act() -> web.StreamResponse:
            raise refusal(100, f"Unsupported {request.method.lower()} request.")

        return await self._reception.receive(request, Call("other", id=request.path), act)

    def _mark_read(self, tenant: SimulatedTenant, body: dict[str, Any]) -> dict[str, Any]:
        """Marks the message and all earlier ones of its customer; only what the customer said can be marked."""
        validation.check_mark_read(body)
        line = self._books.get(body["message_id"])
        if line is None or line.direction != "inbound" or line.tenant != tenant.id:
            raise refusal(131009, "message_id: expected a message that this number has received")
        for earlier in self._books:
            if _thread(earlier) == _thread(line) and earlier.direction == "inbound" and earlier.at <= line.at:
                earlier.status = "read"
        if "typing_indicator" in body:
            line.typing_until = datetime.now(UTC) + _TYPING_SHOWN
            self._typing[_thread(line)] = line
        return {"success": True}

    def _send(self, tenant: SimulatedTenant, body: dict[str, Any]) -> dict[str, Any]:
        validation.check_message(body)
        self._check_media(tenant, body)
        customer = validation.recipient_of(body)
        assert customer is not None
        if customer == tenant.whatsapp.display_phone_number:
            raise refusal(131021, "Recipient phone number cannot be sender phone number.")
        self._limits.charge(tenant, customer)
        line = WhatsAppLine(
            id=wire.new_wamid(customer, inbound=False),
            direction="outbound",
            customer=customer,
            tenant=tenant.id,
            text=text_of(body),
            kind=kind_of(body),
            at=datetime.now(UTC),
            status="accepted",
            callback_data=body.get("biz_opaque_callback_data"),
        )
        if (answered := self._typing.pop(_thread(line), None)) is not None:
            answered.typing_until = None
        self._books.add(line.id, line)
        self._journeys.start(tenant, line)
        return _accepted(body, line)

    def _check_media(self, tenant: SimulatedTenant, body: dict[str, Any]) -> None:
        kind = body.get("type")
        media_id = body[kind].get("id") if kind in _MEDIA_KINDS else None
        if media_id is None:
            return
        media = self._media.get(media_id)
        if media is None or media.phone_number_id != tenant.whatsapp.phone_number_id:
            raise refusal(131009, f"{kind}.id: no media with this id was uploaded for this number")


def _thread(line: WhatsAppLine) -> tuple[str, str]:
    return line.tenant, line.customer


def _accepted(body: dict[str, Any], line: WhatsAppLine) -> dict[str, Any]:
    """The answer to an accepted send; `input` echoes the request, a BSUID comes back as `user_id`."""
    contact = (
        {"input": body["to"], "wa_id": line.customer}
        if body.get("to")
        else {"input": line.customer, "user_id": line.customer}
    )
    message = {"id": line.id}
    if line.kind == "template":
        message["message_status"] = "accepted"
    return {"messaging_product": "whatsapp", "contacts": [contact], "messages": [message]}


def whatsapp_application(
    tenants: Tenants, behaviour: Behaviour, session: aiohttp.ClientSession, background: Background, seed: int
) -> web.Application:
    """Composes the simulator; it owns its ledger, books, faults, limits, media and devices."""
    ledger, faults = Ledger(behaviour.ledger_rows), Faults()
    books: Books[WhatsAppLine] = Books(behaviour.ledger_rows)
    limits = NumberLimits(tenants, behaviour)
    media, devices = MediaStore(), Devices()
    reception = Reception(ledger, faults, GraphManner())
    policy = RetryPolicy(behaviour.meta_retry_delays, behaviour.meta_timeout, meta_verdict)
    sender = WebhookSender(session, policy, behaviour.webhook_concurrency, faults)
    outbox = StatusOutbox(behaviour, sender, background)
    journeys = Journeys(behaviour, devices, limits, outbox, background, random.Random(seed))
    messages = Messages(reception, tenants, books, limits, media, journeys)
    lanes = Lanes(background, behaviour.parallel_webhooks)

    control = Control(tenants, ledger, cast("Books[object]", books), faults, limits.change)

    application = web.Application(client_max_size=_LARGEST_BODY)
    for routes in (
        control.routes(),
        Customers(tenants, books, devices, media, limits, lanes, sender).routes(),
        Meta(tenants, session, sender, background).routes(),
        MediaRoutes(reception, tenants, media, behaviour).routes(),
        messages.routes(),
        [control.fallback(), messages.fallback()],
    ):
        application.add_routes(routes)
    return application
