"""What WhatsApp allows a business number: throughput, pair rate and the customer window (whatsapp.md 5.3 and 6)."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from simulators.config import Behaviour, SimulatedTenant
from simulators.limits import LimitsChange, TokenBucket
from simulators.tenants import Tenants
from simulators.whatsapp.manner import refusal

#: From this many calls a minute on, a test wants no pair rate either.
_NO_PAIR_RATE_ABOVE = 6_000


@dataclass(slots=True)
class _NumberLimits:
    throughput: TokenBucket
    enforce_pair_rate: bool
    enforce_window: bool
    pairs: dict[str, TokenBucket] = field(default_factory=dict)
    last_inbound: dict[str, float] = field(default_factory=dict)


class NumberLimits:
    """The limits of every business number, by `phone_number_id`."""

    def __init__(self, tenants: Tenants, behaviour: Behaviour) -> None:
        self._tenants = tenants
        self._behaviour = behaviour
        self._numbers: dict[str, _NumberLimits] = {}

    def charge(self, tenant: SimulatedTenant, customer: str) -> None:
        """Counts one message. Raises `Refusal` 130429 (throughput) or 131056 (pair rate)."""
        limits, now = self._of(tenant), time.monotonic()
        if not limits.throughput.take(now):
            raise refusal(130429, "Cloud API message throughput has been reached.")
        if limits.enforce_pair_rate:
            pair = limits.pairs.get(customer)
            if pair is None:
                pair = TokenBucket(1 / self._behaviour.pair_seconds, self._behaviour.pair_burst)
                limits.pairs[customer] = pair
            if not pair.take(now):
                raise refusal(131056, "Too many messages sent from the sender phone number to the same recipient.")

    def note_inbound(self, tenant: SimulatedTenant, customer: str) -> None:
        """Opens or refreshes the customer window."""
        self._of(tenant).last_inbound[customer] = time.monotonic()

    def window_open(self, tenant: SimulatedTenant, customer: str) -> bool:
        limits = self._of(tenant)
        if not limits.enforce_window:
            return True
        last = limits.last_inbound.get(customer)
        return last is not None and time.monotonic() - last < self._behaviour.window_seconds

    def change(self, change: LimitsChange) -> None:
        for tenant in self._tenants.all():
            if tenant.id != change.tenant:
                continue
            limits = self._of(tenant)
            if change.calls_per_minute is not None:
                limits.throughput = _throughput(change.calls_per_minute / 60)
                limits.enforce_pair_rate = change.calls_per_minute <= _NO_PAIR_RATE_ABOVE
            if change.customer_window is not None:
                limits.enforce_window = change.customer_window

    def _of(self, tenant: SimulatedTenant) -> _NumberLimits:
        limits = self._numbers.get(tenant.whatsapp.phone_number_id)
        if limits is None:
            throughput = _throughput(self._behaviour.messages_per_second)
            limits = _NumberLimits(throughput, True, self._behaviour.customer_window)
            self._numbers[tenant.whatsapp.phone_number_id] = limits
        return limits


def _throughput(per_second: float) -> TokenBucket:
    return TokenBucket(per_second, max(1.0, per_second))
