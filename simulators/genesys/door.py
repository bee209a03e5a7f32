"""What every API call passes: the bearer check, then the rate window of its OAuth client."""

from __future__ import annotations

import time

from aiohttp import web

from simulators.config import SimulatedTenant
from simulators.genesys.manner import note_rate, refusal, too_many_requests
from simulators.genesys.tokens import Tokens
from simulators.limits import FixedWindow, LimitsChange
from simulators.tenants import Tenants


class Door:
    """One fixed window of 60 s per OAuth client (genesys.md section 8)."""

    def __init__(self, tenants: Tenants, tokens: Tokens) -> None:
        self._tenants = tenants
        self._tokens = tokens
        self._windows: dict[str, FixedWindow] = {}

    def admit(self, request: web.Request) -> SimulatedTenant:
        """The tenant whose client calls. Raises `Refusal` 401, 400 (user token) or 429."""
        now = time.monotonic()
        client_id = self._tokens.client_of(request.headers.get("Authorization", ""), now)
        tenant = self._tenants.of_client(client_id)
        if tenant is None:
            raise refusal(401)
        window = self._windows.setdefault(client_id, FixedWindow(tenant.genesys.calls_per_minute))
        taken = window.take(now)
        note_rate(request, taken)
        if not taken.granted:
            raise too_many_requests(taken.reset)
        return tenant

    def change_limits(self, change: LimitsChange) -> None:
        """Takes effect in the running window."""
        if change.calls_per_minute is None:
            return
        for tenant in self._tenants.all():
            if tenant.id == change.tenant:
                allowed = max(1, int(change.calls_per_minute))
                for client_id in tenant.genesys.clients:
                    self._windows.setdefault(client_id, FixedWindow(allowed)).allowed = allowed
