"""What happens to an accepted message: sent, shown, read or failed, each told by a webhook (whatsapp.md section 3)."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from typing import Any

from simulators.background import Background
from simulators.config import Behaviour, SimulatedTenant
from simulators.webhooks import WebhookSender
from simulators.whatsapp import wire
from simulators.whatsapp.books import WhatsAppLine
from simulators.whatsapp.devices import Device, Devices
from simulators.whatsapp.limits import NumberLimits
from simulators.whatsapp.manner import ERRORS_PAGE, title_of

_LARGEST_BATCH = 1000
_PRICING = {"billable": False, "pricing_model": "PMP", "type": "free_customer_service", "category": "service"}

Status = dict[str, Any]


class Journeys:
    """Carries accepted messages to their devices.

    Each message has its own transit time, so two that were accepted close together may be shown in the wrong order; a
    sender that waits for `delivered` is safe (whatsapp.md section 4).
    """

    def __init__(
        self,
        behaviour: Behaviour,
        devices: Devices,
        limits: NumberLimits,
        outbox: StatusOutbox,
        background: Background,
        randomness: random.Random,
    ) -> None:
        self._behaviour = behaviour
        self._devices = devices
        self._limits = limits
        self._outbox = outbox
        self._background = background
        self._random = randomness
        self._shown: Counter[tuple[str, str]] = Counter()

    def start(self, tenant: SimulatedTenant, line: WhatsAppLine) -> None:
        self._background.start(self._travel(tenant, line, self._random.random(), self._random.random()))

    async def _travel(self, tenant: SimulatedTenant, line: WhatsAppLine, slowness: float, order: float) -> None:
        device = self._devices.of(line.customer)
        held: list[Status] = []
        await asyncio.sleep(self._behaviour.sent_seconds)
        error = device.fails or self._window_error(tenant, line)
        if error:
            line.error_code = error
            self._tell(tenant, line, device, "failed", held)
            return self._release(tenant, held, order)
        self._tell(tenant, line, device, "sent", held)
        await device.wait_online()
        await asyncio.sleep(self._behaviour.delivered_seconds * (1 + slowness))
        self._show(tenant, line)
        # A reaction gives no status but `sent`.
        if line.kind != "reaction":
            self._tell(tenant, line, device, "delivered", held)
            if device.reads:
                await asyncio.sleep(self._behaviour.read_seconds)
                await device.wait_online()
                self._tell(tenant, line, device, "read", held)
        self._release(tenant, held, order)

    def _window_error(self, tenant: SimulatedTenant, line: WhatsAppLine) -> int:
        """131047 for a free-form message outside the customer window, 0 otherwise (whatsapp.md section 6)."""
        customer = self._devices.wa_id_of(line.customer)
        return 0 if line.kind == "template" or self._limits.window_open(tenant, customer) else 131047

    def _show(self, tenant: SimulatedTenant, line: WhatsAppLine) -> None:
        screen = (tenant.whatsapp.phone_number_id, self._devices.wa_id_of(line.customer))
        self._shown[screen] += 1
        line.shown_order = self._shown[screen]

    def _tell(
        self, tenant: SimulatedTenant, line: WhatsAppLine, device: Device, status: str, held: list[Status]
    ) -> None:
        line.status = status
        told = _status(line, self._devices.wa_id_of(line.customer), device.user_id)
        if device.status_order == "shuffled":
            held.append(told)
        else:
            self._outbox.add(tenant, told)

    def _release(self, tenant: SimulatedTenant, held: list[Status], order: float) -> None:
        """Posts what a shuffling device held back, at once and never in the true order of two or more."""
        if len(held) > 1:
            turn = 1 + int(order * (len(held) - 1))
            held = held[turn:] + held[:turn]
        for told in held:
            self._outbox.add(tenant, told)


def _status(line: WhatsAppLine, wa_id: str, user_id: str | None) -> Status:
    told: Status = {
        "id": line.id,
        "status": line.status,
        "timestamp": str(int(time.time())),
        "recipient_id": wa_id,
    }
    if user_id is not None:
        told["recipient_user_id"] = user_id
    if line.callback_data is not None:
        told["biz_opaque_callback_data"] = line.callback_data
    if line.status in ("sent", "delivered"):
        told["pricing"] = _PRICING
    if line.status == "failed" and line.error_code is not None:
        title = title_of(line.error_code)
        details = {"details": f"The message was not delivered: {title}."}
        error = {"code": line.error_code, "title": title, "message": title, "error_data": details, "href": ERRORS_PAGE}
        told["errors"] = [error]
    return told


class StatusOutbox:
    """Posts statuses by webhook, each by itself or gathered for a moment into one of at most 1000."""

    def __init__(self, behaviour: Behaviour, sender: WebhookSender, background: Background) -> None:
        self._batch_seconds = behaviour.status_batch_seconds
        self._sender = sender
        self._background = background
        self._gathered: dict[str, list[Status]] = {}

    def add(self, tenant: SimulatedTenant, status: Status) -> None:
        if not self._batch_seconds:
            self._background.start(self._post(tenant, [status]))
            return
        gathered = self._gathered.setdefault(tenant.whatsapp.phone_number_id, [])
        gathered.append(status)
        if len(gathered) == 1:
            self._background.start(self._flush(tenant))

    async def _flush(self, tenant: SimulatedTenant) -> None:
        await asyncio.sleep(self._batch_seconds)
        gathered = self._gathered.pop(tenant.whatsapp.phone_number_id)
        for start in range(0, len(gathered), _LARGEST_BATCH):
            self._background.start(self._post(tenant, gathered[start : start + _LARGEST_BATCH]))

    async def _post(self, tenant: SimulatedTenant, statuses: list[Status]) -> None:
        # `contacts[]` stands beside all statuses but `failed` (whatsapp.md section 3).
        reached = {s["recipient_id"]: s.get("recipient_user_id") for s in statuses if s["status"] != "failed"}
        value: dict[str, Any] = {"statuses": statuses}
        if reached:
            value = {"contacts": [wire.contact(wa_id, user_id) for wa_id, user_id in reached.items()]} | value
        body = wire.envelope(tenant, value)
        await self._sender.deliver(tenant.id, tenant.whatsapp.webhook_url, body, wire.signed_headers(tenant, body))
