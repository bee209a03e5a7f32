import pytest

from streams.gateway.signatures import Sign, base64_signature, hex_signature, is_signed

BODY = b'{"text":"\\u00e4"}'


@pytest.mark.parametrize(
    ("sign", "expected"),
    [
        # Computed with `openssl dgst -sha256 -hmac secret`.
        (hex_signature, "sha256=934256dac49141d9ab4a8342ce253e83a309496fa278bcd80270dae9f2aba975"),
        (base64_signature, "sha256=k0JW2sSRQdmrSoNCziU+g6MJSW+ieLzYAnDa6fKrqXU="),
    ],
)
def test_known_signatures(sign: Sign, expected: str) -> None:
    assert sign(b"secret", BODY) == expected


@pytest.mark.parametrize("sign", [hex_signature, base64_signature])
def test_one_of_several_secrets_is_enough_and_nothing_else_is(sign: Sign) -> None:
    header = sign(b"previous", BODY)
    assert is_signed(header, BODY, [b"current", b"previous"], sign)
    assert not is_signed(header, BODY, [b"current"], sign)
    assert not is_signed(header, BODY + b" ", [b"previous"], sign)
    assert not is_signed(header, BODY, [], sign)


@pytest.mark.parametrize("header", [None, "", "sha256=", "sha1=abc", "sha256=\udcff", "ü"])
def test_a_header_that_is_no_signature_is_refused(header: str | None) -> None:
    assert not is_signed(header, BODY, [b"secret"], hex_signature)


def test_the_two_platforms_write_the_same_header_differently() -> None:
    assert not is_signed(base64_signature(b"s", BODY), BODY, [b"s"], hex_signature)
