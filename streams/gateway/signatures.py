"""Signatures over raw bytes: Meta's and ours in hex, Genesys's in base64, under the same header name."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Iterable

HEADER = "X-Hub-Signature-256"

Sign = Callable[[bytes, bytes], str]


def hex_signature(secret: bytes, body: bytes) -> str:
    """``sha256=`` and 64 lower-case hex digits (whatsapp.md 1.2; records of ``intake`` as well)."""
    return "sha256=" + hmac.digest(secret, body, "sha256").hex()


def base64_signature(secret: bytes, body: bytes) -> str:
    """``sha256=`` and padded base64 (genesys.md 4.1)."""
    return "sha256=" + base64.b64encode(hmac.digest(secret, body, "sha256")).decode()


def is_signed(header: str | None, body: bytes, secrets: Iterable[bytes], sign: Sign) -> bool:
    """True when ``header`` is the signature of ``body`` under one of ``secrets``; compared in constant time."""
    # A signature is ASCII, and `compare_digest` takes no other text.
    if not header or not header.isascii():
        return False
    return any(hmac.compare_digest(header, sign(secret, body)) for secret in secrets)
