from schemas.tenant import Tenant
from streams.tenant_index import build_index
from tests.unit.streams.samples import draft_fields, sample_tenant


def rotated(name: str) -> Tenant:
    apps = [
        {
            "name": "main",
            "app_secret": "new",
            "previous_app_secret": "app-secret-of-main",
            "verify_token": "verify-token-of-main",
        }
    ]
    return sample_tenant(name, apps=apps)


def test_a_shared_app_is_checked_with_every_secret_that_its_tenants_know() -> None:
    acme, globex = sample_tenant("acme"), sample_tenant("globex")
    index = build_index({"acme": acme, "globex": globex})
    assert [tenant.id for tenant, _ in index.by_app["main"]] == ["acme", "globex"]
    assert index.secrets_by_app["main"].app_secrets == (b"app-secret-of-main",)
    half_rotated = build_index({"acme": rotated("acme"), "globex": globex})
    assert half_rotated.secrets_by_app["main"].app_secrets == (b"new", b"app-secret-of-main")


def test_a_number_is_found_under_its_own_app_only() -> None:
    acme = sample_tenant("acme", app="one")
    index = build_index({"acme": acme, "globex": sample_tenant("globex", app="two")})
    number = acme.channels[0].phone_number_id
    assert index.by_number[("one", number)][0] is acme
    assert ("two", number) not in index.by_number


def test_tenants_that_share_an_account_are_all_found_once() -> None:
    tenants = {}
    for name in ("acme", "globex"):
        fields = draft_fields(name)
        channel = {**fields["channels"][0], "waba_id": "77"}
        second = {**channel, "phone_number_id": f"1{channel['phone_number_id']}", "integration_id": f"second-of-{name}"}
        tenants[name] = sample_tenant(name, channels=[channel, second])
    assert [tenant.id for tenant in build_index(tenants).by_waba[("main", "77")]] == ["acme", "globex"]
