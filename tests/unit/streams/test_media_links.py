import pytest

from schemas.events import Media
from streams.media_links import ExpiredMediaToken, InvalidMediaToken, MediaGrant, MediaSigner, media_link
from tests.unit.streams.samples import make_settings

GRANT = MediaGrant("acme", "1065", "media-7", "image/jpeg", "cat ü.jpg", expires=1_000)
SIGNER = MediaSigner(bytes(32))


def test_a_token_gives_its_grant_until_it_expires() -> None:
    token = SIGNER.sign(GRANT)
    assert SIGNER.verify(token, now=999.9) == GRANT
    with pytest.raises(ExpiredMediaToken):
        SIGNER.verify(token, now=1_000)


@pytest.mark.parametrize("token", ["", ".", "a.b", "ü.ü", SIGNER.sign(GRANT)[:-1], "x" + SIGNER.sign(GRANT)])
def test_a_token_that_was_not_made_here_is_refused(token: str) -> None:
    with pytest.raises(InvalidMediaToken):
        SIGNER.verify(token, now=0)


def test_a_token_of_another_master_key_is_refused() -> None:
    with pytest.raises(InvalidMediaToken):
        MediaSigner(bytes(range(32))).verify(SIGNER.sign(GRANT), now=0)


def test_links_made_on_one_day_are_equal_and_live_at_least_as_long_as_the_setting_says() -> None:
    settings = make_settings(public_url="https://relay.example/", media_link_seconds=3600)
    day = 24 * 3600
    media = Media(id="media-7", mime="image/jpeg", filename="cat.jpg")
    morning = media_link(settings, lambda: 0.0)("acme", "1065", media)
    evening = media_link(settings, lambda: day - 1.0)("acme", "1065", media)
    assert morning == evening
    assert morning.startswith("https://relay.example/media/")
    signer = MediaSigner(settings.master_key_bytes)
    assert signer.verify(morning.rpartition("/")[2], now=day - 1 + 3600).media_id == "media-7"
    with pytest.raises(ExpiredMediaToken):
        signer.verify(morning.rpartition("/")[2], now=2 * day)


def test_a_file_with_an_address_of_its_own_keeps_it() -> None:
    assert (
        media_link(make_settings())("acme", "1065", Media(url="https://files.example/a")) == "https://files.example/a"
    )
