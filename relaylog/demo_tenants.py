"""The demo's two tenants: as relaylog knows them, as the simulated platforms do, as `running.json` lists them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulators.config import SimulatedIntegration, SimulatedNumber, SimulatedTenant

#: Gives a key that is made at the first call and kept: name -> random text.
Keys = Callable[[str], str]

CALLS_PER_MINUTE = 300


@dataclass(frozen=True)
class DemoTenant:
    """A tenant with one channel. The ids are of the platforms' own form, and belong to nobody."""

    id: str
    label: str
    app: str
    waba_id: str
    phone_number_id: str
    #: From the range that Ofcom keeps for fiction.
    display_phone_number: str
    integration_id: str

    def key(self, keys: Keys, name: str) -> str:
        """One of this tenant's keys."""
        return keys(f"{self.id}.{name}")

    @property
    def client_id(self) -> str:
        """Id of its Genesys OAuth client."""
        return f"{self.id}-connector"

    @property
    def produce_key_id(self) -> str:
        """Id of the key with which another program signs what it appends to `intake`."""
        return f"{self.id}-produce"


DEMO_TENANTS = (
    DemoTenant(
        id="acme",
        label="Acme Parcels",
        app="main",
        waba_id="200000000000001",
        phone_number_id="100000000000001",
        display_phone_number="442079460001",
        integration_id="5d1f0a5e-7d0b-4e0c-9a51-0d5f6a3b0001",
    ),
    DemoTenant(
        id="globex",
        label="Globex Energy",
        app="second",
        waba_id="200000000000002",
        phone_number_id="100000000000002",
        display_phone_number="442079460002",
        integration_id="5d1f0a5e-7d0b-4e0c-9a51-0d5f6a3b0002",
    ),
)


def configuration(tenant: DemoTenant, keys: Keys, genesys_url: str) -> dict[str, Any]:
    """What `relaylog tenants add` would take from a file."""
    return {
        "id": tenant.id,
        "label": tenant.label,
        "apps": [
            {
                "name": tenant.app,
                "app_secret": tenant.key(keys, "app_secret"),
                "verify_token": tenant.key(keys, "verify_token"),
            }
        ],
        "channels": [
            {
                "phone_number_id": tenant.phone_number_id,
                "waba_id": tenant.waba_id,
                "app": tenant.app,
                "access_token": tenant.key(keys, "access_token"),
                "integration_id": tenant.integration_id,
                "webhook_secret": tenant.key(keys, "webhook_secret"),
            }
        ],
        "genesys": {
            "login_url": genesys_url,
            "api_url": genesys_url,
            "clients": [
                {
                    "client_id": tenant.client_id,
                    "client_secret": tenant.key(keys, "client_secret"),
                    "calls_per_minute": CALLS_PER_MINUTE,
                }
            ],
        },
        "api_keys": [
            {
                "id": f"{tenant.id}-read",
                "sha256": hashlib.sha256(tenant.key(keys, "api_key").encode()).hexdigest(),
                "scopes": ["read", "write"],
            }
        ],
        "produce_keys": [{"id": tenant.produce_key_id, "secret": tenant.key(keys, "produce_key")}],
    }


def simulated(tenant: DemoTenant, keys: Keys, gateway_url: str) -> SimulatedTenant:
    """The same tenant as the simulated platforms know it."""
    return SimulatedTenant(
        id=tenant.id,
        whatsapp=SimulatedNumber(
            app=tenant.app,
            app_secret=tenant.key(keys, "app_secret"),
            verify_token=tenant.key(keys, "verify_token"),
            waba_id=tenant.waba_id,
            phone_number_id=tenant.phone_number_id,
            display_phone_number=tenant.display_phone_number,
            access_token=tenant.key(keys, "access_token"),
            webhook_url=f"{gateway_url}/webhooks/whatsapp/{tenant.app}",
        ),
        genesys=SimulatedIntegration(
            client_id=tenant.client_id,
            client_secret=tenant.key(keys, "client_secret"),
            integration_id=tenant.integration_id,
            integration_name=f"{tenant.label} on WhatsApp",
            webhook_url=f"{gateway_url}/webhooks/genesys/{tenant.integration_id}",
            webhook_secret=tenant.key(keys, "webhook_secret"),
            calls_per_minute=CALLS_PER_MINUTE,
        ),
    )


def listed(tenant: DemoTenant, keys: Keys) -> dict[str, Any]:
    """The tenant's entry in `running.json`, secrets included."""
    return {
        "id": tenant.id,
        "api_key": tenant.key(keys, "api_key"),
        "produce_key": {"id": tenant.produce_key_id, "secret": tenant.key(keys, "produce_key")},
        "whatsapp": {
            "app": tenant.app,
            "app_secret": tenant.key(keys, "app_secret"),
            "verify_token": tenant.key(keys, "verify_token"),
            "waba_id": tenant.waba_id,
            "phone_number_id": tenant.phone_number_id,
        },
        "genesys": {
            "integration_id": tenant.integration_id,
            "webhook_secret": tenant.key(keys, "webhook_secret"),
            "calls_per_minute": CALLS_PER_MINUTE,
        },
    }
