"""The token endpoint's rules and the bearer check of the API (genesys.md section 1)."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from simulators.config import Behaviour
from simulators.genesys.manner import refusal
from simulators.limits import FixedWindow
from simulators.reception import Refusal
from simulators.tenants import Tenants


@dataclass(frozen=True, slots=True)
class _Issued:
    client_id: str
    expires: float
    of_user: bool


def client_of_basic(authorization: str) -> tuple[str, str]:
    """Client id and secret of a Basic header; two empty strings when it is not one."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return client_id, secret


class Tokens:
    """Mints tokens and knows whose they are; a new token leaves older ones valid."""

    def __init__(self, tenants: Tenants, behaviour: Behaviour) -> None:
        self._tenants = tenants
        self._behaviour = behaviour
        self._issued: dict[str, _Issued] = {}
        self._mints: dict[str, FixedWindow] = {}

    def mint(self, authorization: str, form: Mapping[str, object], now: float) -> dict[str, object]:
        """The answer of the token endpoint; `now` is monotonic seconds. Raises `Refusal` in OAuth's words.

        The grant `authorization_code` stands for any way in which a person logs in: it gives a user token, which the
        inbound endpoints refuse.
        """
        client_id, secret = client_of_basic(authorization)
        tenant = self._tenants.of_client(client_id)
        if tenant is None or not hmac.compare_digest(tenant.genesys.clients[client_id].encode(), secret.encode()):
            raise Refusal(401, "invalid_client", "client not found or client secret is invalid")
        grant = form.get("grant_type")
        if grant not in ("client_credentials", "authorization_code"):
            raise Refusal(400, "unsupported_grant_type", "grant_type: expected client_credentials")
        window = self._mints.setdefault(client_id, FixedWindow(self._behaviour.mints_per_minute))
        if not window.take(now).granted:
            raise Refusal(400, "invalid_request", "rate limit exceeded; too many tokens requested by this client")
        token = secrets.token_urlsafe(48)
        lifetime = self._behaviour.token_seconds
        self._forget_expired(now)
        self._issued[token] = _Issued(client_id, now + lifetime, grant == "authorization_code")
        return {"access_token": token, "token_type": "bearer", "expires_in": int(lifetime)}

    def client_of(self, authorization: str, now: float) -> str:
        """The client that a call's bearer token belongs to. Raises `Refusal` 401, or 400 for a user token."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise refusal(401, "authentication.required", "No authentication bearer token specified.")
        issued = self._issued.get(token)
        if issued is None or now >= issued.expires:
            raise refusal(401)
        if issued.of_user:
            raise refusal(400, "not.a.client", "This request requires a client token and a user token was given.")
        return issued.client_id

    def _forget_expired(self, now: float) -> None:
        self._issued = {token: issued for token, issued in self._issued.items() if issued.expires > now}
