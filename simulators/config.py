"""What the simulators are told at their start: the tenants they know and how they behave."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

DAY = 86_400.0


def meta_retry_delays(first: float = 0.5, longest: float = 3_600.0, total: float = 7 * DAY) -> tuple[float, ...]:
    """Seconds before each retry of a webhook: doubling up to `longest`, given up after `total` (whatsapp.md 1.5)."""
    delays: list[float] = []
    while sum(delays) < total:
        delays.append(min(first * 2 ** len(delays), longest))
    return tuple(delays)


class SimulatedNumber(BaseModel):
    """One WhatsApp business number and the Meta app that serves it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    app: str
    app_secret: str
    verify_token: str
    waba_id: str
    phone_number_id: str
    display_phone_number: str
    access_token: str
    webhook_url: str


class SimulatedIntegration(BaseModel):
    """One Genesys Open Messaging integration and the OAuth clients that may call it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    client_id: str
    client_secret: str
    #: Further OAuth clients of the organisation, id to secret, each with an allowance of its own.
    more_clients: dict[str, str] = Field(default_factory=dict)
    integration_id: str
    integration_name: str
    webhook_url: str
    webhook_secret: str = Field(min_length=16)
    calls_per_minute: int = Field(default=300, gt=0)

    @property
    def clients(self) -> dict[str, str]:
        """All OAuth clients, id to secret."""
        return {self.client_id: self.client_secret, **self.more_clients}


class SimulatedTenant(BaseModel):
    """One channel of a relaylog tenant as both platforms know it; `id` is relaylog's tenant id."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    whatsapp: SimulatedNumber
    genesys: SimulatedIntegration


class Behaviour(BaseModel):
    """Every knob of the simulators; the defaults are the real figures where one is known. Times are seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: Rows kept by each ledger and messages kept by each book, about 2 KB apiece; the oldest go first.
    ledger_rows: int = Field(default=200_000, gt=0)
    #: Posts webhooks of one customer side by side instead of one after the other.
    parallel_webhooks: bool = False
    #: Webhook calls in flight, per platform.
    webhook_concurrency: int = Field(default=256, gt=0)
    #: `refuse` answers 404 to receipts and taps that name a message unknown here; the real answer is not documented.
    unknown_ids: Literal["accept", "refuse"] = "accept"

    # Genesys (genesys.md sections 1, 3.6, 4.3, 7, 8).
    token_seconds: float = Field(default=DAY, gt=0)
    mints_per_minute: int = Field(default=30, gt=0)
    #: How long a call is processed before its answer: the race window of a new customer's first messages.
    processing_seconds: float = Field(default=0.01, ge=0)
    threading_seconds: float = Field(default=3 * DAY, ge=0)
    success_status: Literal[200, 202] = 200
    duplicates: Literal["accept", "conflict"] = "accept"
    genesys_retries: int = Field(default=5, ge=0)
    genesys_retry_gap: float = Field(default=5.0, ge=0)
    genesys_timeout: float = Field(default=10.0, gt=0)
    download_seconds: float = Field(default=3_600.0, gt=0)

    # WhatsApp (whatsapp.md sections 1.5, 3, 4.4, 5.3, 6).
    customer_window: bool = True
    window_seconds: float = Field(default=DAY, gt=0)
    messages_per_second: float = Field(default=80.0, gt=0)
    pair_burst: int = Field(default=45, gt=0)
    pair_seconds: float = Field(default=6.0, gt=0)
    sent_seconds: float = Field(default=0.05, ge=0)
    #: Shortest time from acceptance to the device; the transit of each message adds up to as much again.
    delivered_seconds: float = Field(default=0.1, ge=0)
    read_seconds: float = Field(default=0.2, ge=0)
    #: Statuses due within this time travel in one webhook, at most 1000 of them; 0 posts each by itself.
    status_batch_seconds: float = Field(default=0.0, ge=0)
    meta_retry_delays: tuple[float, ...] = Field(default_factory=meta_retry_delays)
    meta_timeout: float = Field(default=10.0, gt=0)
    media_url_seconds: float = Field(default=300.0, gt=0)


class SimulatorsConfig(BaseModel):
    """The file given to `python -m simulators --tenants`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tenants: list[SimulatedTenant] = Field(default_factory=list)
    behaviour: Behaviour = Field(default_factory=Behaviour)
