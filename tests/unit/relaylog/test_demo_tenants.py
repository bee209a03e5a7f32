"""The demo tenants: what relaylog and the simulators are told agrees."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from relaylog.data_folder import DataFolder
from relaylog.demo_tenants import DEMO_TENANTS, DemoTenant, configuration, listed, simulated
from streams.registration import TenantDraft

GENESYS, GATEWAY = "http://127.0.0.1:8090", "http://127.0.0.1:8080"


@pytest.mark.parametrize("tenant", DEMO_TENANTS, ids=lambda tenant: tenant.id)
def test_relaylog_and_the_platforms_share_every_secret(tenant: DemoTenant, tmp_path: Path) -> None:
    keys = DataFolder(tmp_path).keys.get
    draft = TenantDraft.model_validate(configuration(tenant, keys, GENESYS))
    platforms = simulated(tenant, keys, GATEWAY)
    channel, app, client = draft.channels[0], draft.apps[0], draft.genesys.clients[0]
    assert app.app_secret.get_secret_value() == platforms.whatsapp.app_secret
    assert app.verify_token.get_secret_value() == platforms.whatsapp.verify_token
    assert channel.access_token.get_secret_value() == platforms.whatsapp.access_token
    assert channel.webhook_secret.get_secret_value() == platforms.genesys.webhook_secret
    assert client.client_secret.get_secret_value() == platforms.genesys.client_secret
    assert platforms.whatsapp.webhook_url == f"{GATEWAY}/webhooks/whatsapp/{app.name}"
    assert platforms.genesys.webhook_url == f"{GATEWAY}/webhooks/genesys/{channel.integration_id}"


@pytest.mark.parametrize("tenant", DEMO_TENANTS, ids=lambda tenant: tenant.id)
def test_the_listed_keys_are_those_that_relaylog_knows(tenant: DemoTenant, tmp_path: Path) -> None:
    keys = DataFolder(tmp_path).keys.get
    draft = TenantDraft.model_validate(configuration(tenant, keys, GENESYS))
    entry = listed(tenant, keys)
    assert hashlib.sha256(entry["api_key"].encode()).hexdigest() == draft.api_keys[0].sha256
    assert entry["produce_key"]["id"] == draft.produce_keys[0].id
    assert entry["produce_key"]["secret"] == draft.produce_keys[0].secret.get_secret_value()
    assert entry["whatsapp"]["app_secret"] == draft.apps[0].app_secret.get_secret_value()
    assert entry["whatsapp"]["phone_number_id"] == draft.channels[0].phone_number_id
    assert entry["genesys"]["webhook_secret"] == draft.channels[0].webhook_secret.get_secret_value()


def test_the_two_share_no_key_and_no_id(tmp_path: Path) -> None:
    keys = DataFolder(tmp_path).keys.get
    one, other = (listed(tenant, keys) for tenant in DEMO_TENANTS)
    for part in ("whatsapp", "genesys", "produce_key"):
        shared = set(map(str, one[part].values())) & set(map(str, other[part].values()))
        assert shared <= {"300"}
    assert one["api_key"] != other["api_key"]


def test_keys_stay_over_restarts(tmp_path: Path) -> None:
    before = listed(DEMO_TENANTS[0], DataFolder(tmp_path).keys.get)
    assert listed(DEMO_TENANTS[0], DataFolder(tmp_path).keys.get) == before
