"""Customers' devices: whether they are online, show that they read, and what goes wrong with them."""

from __future__ import annotations

import asyncio
from typing import Literal

from pydantic import BaseModel, ConfigDict

StatusOrder = Literal["in_order", "shuffled"]


class DeviceChange(BaseModel):
    """Body of `PUT /_simulator/customers/{wa_id}`; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reads: bool | None = None
    online: bool | None = None
    status_order: StatusOrder | None = None
    #: Business-scoped user id, from then on in the customer's webhooks.
    user_id: str | None = None
    #: Error code with which messages to the customer fail after they were accepted; 0 ends it.
    fails: int | None = None


class Device:
    """One customer's device: online and reading unless told otherwise."""

    def __init__(self) -> None:
        self.reads = True
        self.status_order: StatusOrder = "in_order"
        self.user_id: str | None = None
        self.fails = 0
        self._online = asyncio.Event()
        self._online.set()

    async def wait_online(self) -> None:
        await self._online.wait()

    def change(self, change: DeviceChange) -> None:
        if change.reads is not None:
            self.reads = change.reads
        if change.status_order is not None:
            self.status_order = change.status_order
        if change.user_id is not None:
            self.user_id = change.user_id
        if change.fails is not None:
            self.fails = change.fails
        if change.online is True:
            self._online.set()
        elif change.online is False:
            self._online.clear()


class Devices:
    """Devices by wa_id; one addressed by its BSUID is the same device."""

    def __init__(self) -> None:
        self._devices: dict[str, Device] = {}
        self._wa_ids: dict[str, str] = {}

    def of(self, customer: str) -> Device:
        wa_id = self.wa_id_of(customer)
        device = self._devices.get(wa_id)
        if device is None:
            device = self._devices[wa_id] = Device()
        return device

    def wa_id_of(self, customer: str) -> str:
        """The wa_id behind a BSUID; what is not a known BSUID stands for itself."""
        return self._wa_ids.get(customer, customer)

    def change(self, wa_id: str, change: DeviceChange) -> Device:
        device = self.of(wa_id)
        device.change(change)
        if change.user_id is not None:
            self._wa_ids[change.user_id] = wa_id
        return device
