"""The tenants that both platforms know, found by whatever a call names."""

from __future__ import annotations

from collections.abc import Iterable

from simulators.config import SimulatedTenant


class Tenants:
    """Index of tenants by number, access token, integration and OAuth client; may grow while running."""

    def __init__(self, tenants: Iterable[SimulatedTenant] = ()) -> None:
        self._by_number: dict[str, SimulatedTenant] = {}
        self._by_access_token: dict[str, SimulatedTenant] = {}
        self._by_integration: dict[str, SimulatedTenant] = {}
        self._by_client: dict[str, SimulatedTenant] = {}
        for tenant in tenants:
            self.put(tenant)

    def put(self, tenant: SimulatedTenant) -> None:
        """Adds the channel, or replaces the one with the same number and integration."""
        self._by_number[tenant.whatsapp.phone_number_id] = tenant
        self._by_access_token[tenant.whatsapp.access_token] = tenant
        self._by_integration[tenant.genesys.integration_id] = tenant
        self._by_client.update(dict.fromkeys(tenant.genesys.clients, tenant))

    def of_number(self, phone_number_id: str) -> SimulatedTenant | None:
        return self._by_number.get(phone_number_id)

    def of_access_token(self, token: str) -> SimulatedTenant | None:
        return self._by_access_token.get(token)

    def of_integration(self, integration_id: str) -> SimulatedTenant | None:
        return self._by_integration.get(integration_id)

    def of_client(self, client_id: str) -> SimulatedTenant | None:
        return self._by_client.get(client_id)

    def all(self) -> list[SimulatedTenant]:
        return list(self._by_number.values())
