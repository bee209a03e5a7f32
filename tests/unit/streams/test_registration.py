import pytest
from pydantic import SecretStr, ValidationError

from streams.registration import TenantDraft
from tests.unit.streams.samples import draft_fields, sample_draft


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
