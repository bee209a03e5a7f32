import orjson
import pytest

from schemas.errors import InvalidInput
from streams.secrets import CannotDecrypt, Cipher, decode_tenant, derive_key, encode_tenant
from tests.unit.streams.samples import clear_secrets, sample_tenant

KEY = bytes(range(32))


def test_a_secret_opens_under_its_key_and_context_only() -> None:
    sealed = Cipher(KEY).encrypt("geheim ✓", "acme")
    assert Cipher(KEY).decrypt(sealed, "acme") == "geheim ✓"
    for cipher, context in ((Cipher(KEY), "globex"), (Cipher(bytes(32)), "acme")):
        with pytest.raises(CannotDecrypt, match="sealed by another or altered"):
            cipher.decrypt(sealed, context)


@pytest.mark.parametrize("text", ["", "clear", "v2.AAAA", "v1.", "v1.!!!!", "v1.QUJD"])
def test_what_was_never_sealed_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(CannotDecrypt) as caught:
        Cipher(KEY).decrypt(text, "acme")
    assert text.removeprefix("v1.") not in str(caught.value) or text in ("", "v1.")


def test_sealing_twice_gives_different_texts() -> None:
    cipher = Cipher(KEY)
    assert cipher.encrypt("same", "acme") != cipher.encrypt("same", "acme")


def test_keys_for_different_purposes_differ() -> None:
    assert len({derive_key(KEY, purpose) for purpose in ("a", "b", "c")}) == 3


def test_a_tenant_comes_back_whole_and_shows_no_secret_on_the_way() -> None:
    tenant = sample_tenant(
        apps=[
            {"name": "main", "app_secret": "app-secret-of-main", "previous_app_secret": "old", "verify_token": "token"}
        ]
    )
    value = encode_tenant(tenant, Cipher(KEY))
    assert decode_tenant(value, Cipher(KEY)) == tenant
    assert not [secret for secret in clear_secrets() if secret.encode() in value]
    assert orjson.loads(value)["apps"][0]["previous_app_secret"].startswith("v1.")


def test_a_record_moved_to_another_tenant_does_not_open() -> None:
    fields = orjson.loads(encode_tenant(sample_tenant(), Cipher(KEY)))
    fields["id"] = "globex"
    with pytest.raises(InvalidInput, match=r"pepper.*sealed for 'globex'"):
        decode_tenant(orjson.dumps(fields), Cipher(KEY))


def test_every_bad_field_of_a_record_is_named() -> None:
    fields = orjson.loads(encode_tenant(sample_tenant(), Cipher(KEY)))
    fields["partition"] = -1
    fields["channels"][0]["phone_number_id"] = "not digits"
    with pytest.raises(InvalidInput) as caught:
        decode_tenant(orjson.dumps(fields), Cipher(KEY))
    assert "partition" in str(caught.value)
    assert "channels.0.phone_number_id" in str(caught.value)
    assert "not digits" not in str(caught.value)


@pytest.mark.parametrize("value", [b"", b"[]", b"{}", b'{"id": 7}', b"\xff"])
def test_a_record_that_is_no_tenant_is_refused(value: bytes) -> None:
    with pytest.raises(InvalidInput):
        decode_tenant(value, Cipher(KEY))
