"""Look-ups over a set of tenants, built anew whenever one changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from schemas.tenant import Channel, ProduceKey, Tenant, WhatsAppApp


@dataclass(frozen=True, slots=True)
class AppSecrets:
    """What a Meta app's webhook is checked with; the tenants of a shared app have registered the same."""

    app_secrets: tuple[bytes, ...]
    verify_tokens: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class TenantIndex:
    """Every way to find a tenant, as dictionaries: a webhook costs no search."""

    by_id: Mapping[str, Tenant] = field(default_factory=dict)
    by_app: Mapping[str, list[tuple[Tenant, WhatsAppApp]]] = field(default_factory=dict)
    secrets_by_app: Mapping[str, AppSecrets] = field(default_factory=dict)
    by_number: Mapping[tuple[str, str], tuple[Tenant, Channel]] = field(default_factory=dict)
    by_waba: Mapping[tuple[str, str], list[Tenant]] = field(default_factory=dict)
    by_integration: Mapping[str, tuple[Tenant, Channel]] = field(default_factory=dict)
    by_produce_key: Mapping[str, tuple[Tenant, ProduceKey]] = field(default_factory=dict)
    by_api_key: Mapping[str, Tenant] = field(default_factory=dict)


def build_index(tenants: Mapping[str, Tenant]) -> TenantIndex:
    """Index ``tenants``; registration has made sure that no two of them share a number, an integration or a key."""
    by_app: dict[str, list[tuple[Tenant, WhatsAppApp]]] = {}
    by_waba: dict[tuple[str, str], list[Tenant]] = {}
    for tenant in tenants.values():
        for app in tenant.apps:
            by_app.setdefault(app.name, []).append((tenant, app))
        for pair in dict.fromkeys((c.app, c.waba_id) for c in tenant.channels):
            by_waba.setdefault(pair, []).append(tenant)
    channels = [(tenant, channel) for tenant in tenants.values() for channel in tenant.channels]
    return TenantIndex(
        by_id=dict(tenants),
        by_app=by_app,
        secrets_by_app={name: _secrets([app for _, app in entries]) for name, entries in by_app.items()},
        by_number={(channel.app, channel.phone_number_id): (tenant, channel) for tenant, channel in channels},
        by_waba=by_waba,
        by_integration={channel.integration_id: (tenant, channel) for tenant, channel in channels},
        by_produce_key={key.id: (tenant, key) for tenant in tenants.values() for key in tenant.produce_keys},
        by_api_key={key.sha256: tenant for tenant in tenants.values() for key in tenant.api_keys},
    )


def _secrets(apps: Collection[WhatsAppApp]) -> AppSecrets:
    secrets = [secret for app in apps for secret in (app.app_secret, app.previous_app_secret) if secret]
    return AppSecrets(
        app_secrets=tuple(dict.fromkeys(secret.get_secret_value().encode() for secret in secrets)),
        verify_tokens=tuple(dict.fromkeys(app.verify_token.get_secret_value().encode() for app in apps)),
    )
