"""Signed links under which Genesys may fetch a WhatsApp file through the gateway."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from schemas.delivery import MediaLink
from schemas.errors import RelaylogError
from schemas.events import Media
from streams.secrets import derive_key
from streams.settings import Settings

_DAY = 24 * 3600


class InvalidMediaToken(RelaylogError):
    """The token was not made by this system, or was altered."""


class ExpiredMediaToken(RelaylogError):
    """The token was right once."""


@dataclass(frozen=True, slots=True)
class MediaGrant:
    """What a token allows: one file of one number of one tenant, until ``expires`` (Unix seconds)."""

    tenant: str
    phone_number_id: str
    media_id: str
    mime: str | None
    filename: str | None
    expires: int


_decoder = msgspec.json.Decoder(tuple[str, str, str, str | None, str | None, int])


class MediaSigner:
    """Makes and checks tokens under a key derived from the master key."""

    def __init__(self, master_key: bytes) -> None:
        self._key = derive_key(master_key, "media links v1")

    def sign(self, grant: MediaGrant) -> str:
        """The token: ``base64url(fields).base64url(HMAC-SHA256)``; the same grant gives the same token."""
        fields = (grant.tenant, grant.phone_number_id, grant.media_id, grant.mime, grant.filename, grant.expires)
        payload = _text(msgspec.json.encode(fields))
        return f"{payload}.{self._mac(payload)}"

    def verify(self, token: str, now: float) -> MediaGrant:
        """The grant of a token. Raises InvalidMediaToken or ExpiredMediaToken."""
        payload, _, mac = token.partition(".")
        if not hmac.compare_digest(mac.encode(), self._mac(payload).encode()):
            raise InvalidMediaToken("the media link was not made here, or was altered")
        grant = MediaGrant(*_decoder.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))
        if now >= grant.expires:
            raise ExpiredMediaToken("the media link has expired")
        return grant

    def _mac(self, payload: str) -> str:
        return _text(hmac.new(self._key, payload.encode(), hashlib.sha256).digest())


def media_link(settings: Settings, clock: Callable[[], float] = time.time) -> MediaLink:
    """The function that names a file's URL; a file that has a public URL of its own keeps it.

    The expiry is rounded up to a whole day before the setting is added, so that a call planned twice on one day (UTC)
    has the same URL and digest; a link lives up to a day longer than the setting says.
    """
    signer = MediaSigner(settings.master_key_bytes)
    base = settings.public_url.rstrip("/")

    def link(tenant: str, phone_number_id: str, media: Media) -> str:
        if media.id is None:
            return media.url or ""
        expires = (int(clock()) // _DAY + 1) * _DAY + settings.media_link_seconds
        grant = MediaGrant(tenant, phone_number_id, media.id, media.mime, media.filename, expires)
        return f"{base}/media/{signer.sign(grant)}"

    return link


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
