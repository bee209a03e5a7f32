import pytest
from pydantic import SecretStr, ValidationError

from schemas.tenant import Pause
from streams.registration import KEPT_FIELDS, TenantDraft
from tests.unit.streams.samples import draft_fields, sample_draft, sample_tenant

AT = "2026-11-23T10:00:00.000Z"


def test_a_draft_becomes_a_tenant_with_what_relaylog_sets() -> None:
    tenant = sample_draft().placed(5, SecretStr("pepper"))
    assert (tenant.id, tenant.partition, tenant.pepper_bytes) == ("acme", 5, b"pepper")
    assert type(tenant).__name__ == "Tenant"
    assert tenant.channels[0].access_token.get_secret_value() == "access-token-of-acme"


@pytest.mark.parametrize("field", ["partition", "pepper"])
def test_a_draft_may_not_choose_what_relaylog_sets(field: str) -> None:
    with pytest.raises(ValidationError, match=f"{field}: set by relaylog"):
        TenantDraft.model_validate({**draft_fields(), field: 1})


def test_every_bad_field_is_named() -> None:
    fields = draft_fields(id="Not A Slug", customer_identity="both")
    fields["channels"][0]["webhook_secret"] = "short"
    with pytest.raises(ValidationError) as caught:
        TenantDraft.model_validate(fields)
    named = {".".join(map(str, error["loc"])) for error in caught.value.errors()}
    assert named >= {"id", "customer_identity", "channels.0.webhook_secret"}


@pytest.mark.parametrize("field", ["paused", "history"])
def test_a_draft_may_not_pause(field: str) -> None:
    with pytest.raises(ValidationError, match=f"{field}: set by relaylog"):
        TenantDraft.model_validate({**draft_fields(), field: None})


def test_a_changed_tenant_keeps_partition_pepper_pause_and_history() -> None:
    existing = sample_tenant(partition=2).with_pause(Pause(reason="migration", at=AT, by="op"))
    changed = sample_draft(label="New").changing(existing)
    assert changed.label == "New"
    assert [getattr(changed, field) for field in KEPT_FIELDS] == [getattr(existing, field) for field in KEPT_FIELDS]
    assert changed.is_paused("genesys")
