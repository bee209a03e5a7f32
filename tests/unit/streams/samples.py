"""Tenants and settings for the tests of `streams`, every secret a different word."""

import base64
import hashlib
from typing import Any

from schemas.tenant import Tenant
from streams.registration import TenantDraft
from streams.settings import Settings

MASTER_KEY = base64.b64encode(bytes(range(32))).decode()


def make_settings(**changes: Any) -> Settings:
    """Settings that no environment variable reaches."""
    return Settings(**{"master_key": MASTER_KEY, "partitions": 3, "gateway_port": 0, **changes})


def draft_fields(name: str = "acme", *, app: str = "main", **changes: Any) -> dict[str, Any]:
    """A valid draft as JSON; numbers and ids differ between names, the secrets of an app do not."""
    number = str(int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]))
    return {
        "id": name,
        "label": name.title(),
        "apps": [{"name": app, "app_secret": f"app-secret-of-{app}", "verify_token": f"verify-token-of-{app}"}],
        "channels": [
            {
                "phone_number_id": number,
                "waba_id": f"9{number}",
                "app": app,
                "access_token": f"access-token-of-{name}",
                "integration_id": f"integration-of-{name}",
                "webhook_secret": f"webhook-secret-of-{name}",
            }
        ],
        "genesys": {
            "login_url": "https://login.example",
            "api_url": "https://api.example",
            "clients": [{"client_id": "client", "client_secret": f"client-secret-of-{name}"}],
        },
        "api_keys": [{"id": f"{name}-reader", "sha256": hashlib.sha256(f"api-key-of-{name}".encode()).hexdigest()}],
        "produce_keys": [{"id": f"{name}-crm", "secret": f"produce-secret-of-{name}"}],
        **changes,
    }


def sample_draft(name: str = "acme", **changes: Any) -> TenantDraft:
    return TenantDraft.model_validate(draft_fields(name, **changes))


def sample_tenant(name: str = "acme", *, partition: int = 1, **changes: Any) -> Tenant:
    fields = draft_fields(name, **changes)
    return Tenant.model_validate({**fields, "partition": partition, "pepper": f"pepper-of-{name}"})


def clear_secrets(name: str = "acme", app: str = "main") -> list[str]:
    """Every text of a sample that must never be seen outside memory."""
    kinds = ("access-token", "webhook-secret", "client-secret", "produce-secret", "pepper", "api-key")
    return [f"app-secret-of-{app}", f"verify-token-of-{app}", *(f"{kind}-of-{name}" for kind in kinds)]
