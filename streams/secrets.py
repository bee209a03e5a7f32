"""Secrets of tenants at rest: clear in memory, sealed by the master key in the `tenants` topic."""

from __future__ import annotations

import base64
import os

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import ValidationError

from schemas.errors import InvalidInput, RelaylogError
from schemas.tenant import Tenant

_VERSION = "v1."
_NONCE_BYTES = 12


class CannotDecrypt(RelaylogError, ValueError):
    """A sealed secret cannot be opened; also a ValueError, so that pydantic names the field it stands in."""


def derive_key(master_key: bytes, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose (HKDF-SHA256), so that no key serves two algorithms."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"relaylog {purpose}".encode()).derive(master_key)


class Cipher:
    """Seals texts by AES-256-GCM; what was sealed in one context (a tenant's id) opens in no other."""

    def __init__(self, master_key: bytes) -> None:
        self._aead = AESGCM(derive_key(master_key, "tenant secrets v1"))

    def encrypt(self, clear: str, context: str) -> str:
        """``v1.`` and URL-safe base64 of nonce, ciphertext and tag; differs each time."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._aead.encrypt(nonce, clear.encode(), context.encode())
        return _VERSION + base64.urlsafe_b64encode(nonce + sealed).decode()

    def decrypt(self, sealed: str, context: str) -> str:
        """The clear text. Raises CannotDecrypt, which says why and shows no part of either text."""
        if not sealed.startswith(_VERSION):
            raise CannotDecrypt(f"expected a sealed secret that starts with {_VERSION!r}")
        try:
            data = base64.b64decode(sealed.removeprefix(_VERSION), altchars=b"-_", validate=True)
            return self._aead.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], context.encode()).decode()
        except InvalidTag:
            raise CannotDecrypt(
                f"expected a secret sealed for {context!r} by this RELAYLOG_MASTER_KEY; "
                "it was sealed by another or altered"
            ) from None
        except ValueError:
            raise CannotDecrypt("expected URL-safe base64 of nonce, ciphertext and tag") from None


def encode_tenant(tenant: Tenant, cipher: Cipher) -> bytes:
    """The value of a tenant's record: JSON with every secret sealed."""
    context = {"encrypt": lambda clear: cipher.encrypt(clear, tenant.id)}
    return tenant.model_dump_json(context=context).encode()


def decode_tenant(value: bytes, cipher: Cipher) -> Tenant:
    """Read a tenant's record. Raises InvalidInput that names every bad field and shows no value."""
    try:
        fields = orjson.loads(value)
    except orjson.JSONDecodeError:
        raise InvalidInput("tenant", "JSON") from None
    if not isinstance(fields, dict) or not isinstance(fields.get("id"), str):
        raise InvalidInput("id", "the tenant's id")
    tenant_id = fields["id"]
    context = {"decrypt": lambda sealed: cipher.decrypt(sealed, tenant_id)}
    try:
        return Tenant.model_validate(fields, context=context)
    except ValidationError as error:
        raise invalid_fields(error) from None


def invalid_fields(error: ValidationError) -> InvalidInput:
    """Every bad field of a validation, each with what was wrong there; values, which may be secret, are left out."""
    found = [(".".join(map(str, e["loc"])) or "tenant", e["msg"]) for e in error.errors(include_input=False)]
    field, expected = found[0]
    return InvalidInput(field, "; ".join([expected, *(f"{name}: {message}" for name, message in found[1:])]))
