"""Shapes that Meta writes: message ids, envelopes, signatures, profile names (whatsapp.md 1.2 and 1.3)."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import zlib
from typing import Any

from simulators.config import SimulatedTenant

_FIRST_NAMES = (
    "Ana",
    "Björn",
    "Chidi",
    "Dörte",
    "Émile",
    "Fatma",
    "Goran",
    "Hélène",
    "Ines",
    "Jürgen",
    "Kenji",
    "Łucja",
)
_LAST_NAMES = ("Araújo", "Bauer", "Costa", "Díaz", "Eze", "Fischer", "García", "Høgh", "Ito", "Jansen", "Kaya", "Novák")


def new_wamid(party: str, *, inbound: bool) -> str:
    """`wamid.` and base64 of a small record with the customer's number and a hex id, as real ones decode."""
    name = party.encode()[:255]
    head = bytes([0x1C, 0x18, len(name)]) + name + bytes([0x15, 0x02, 0x00, 0x12 if inbound else 0x11, 0x18, 0x14])
    record = head + secrets.token_hex(10).upper().encode() + b"\x00"
    return f"wamid.{base64.b64encode(record).decode()}"


def profile_name(wa_id: str) -> str:
    """A plausible name, always the same for one customer."""
    number = zlib.crc32(wa_id.encode())
    return f"{_FIRST_NAMES[number % len(_FIRST_NAMES)]} {_LAST_NAMES[number // 97 % len(_LAST_NAMES)]}"


def contact(wa_id: str, user_id: str | None) -> dict[str, Any]:
    """An element of `contacts[]`; the BSUID only where the customer has one."""
    found: dict[str, Any] = {"profile": {"name": profile_name(wa_id)}, "wa_id": wa_id}
    if user_id is not None:
        found["user_id"] = user_id
    return found


def envelope(tenant: SimulatedTenant, value: dict[str, Any], field: str = "messages") -> bytes:
    """One webhook with one change; non-ASCII escaped in lower-case hex, since those bytes are what is signed."""
    number = tenant.whatsapp
    metadata = {
        "display_phone_number": number.display_phone_number,
        "phone_number_id": number.phone_number_id,
    }
    full = {"messaging_product": "whatsapp", "metadata": metadata, **value}
    body = {
        "object": "whatsapp_business_account",
        "entry": [{"id": number.waba_id, "changes": [{"value": full, "field": field}]}],
    }
    return json.dumps(body, ensure_ascii=True, separators=(",", ":")).encode()


def signed_headers(tenant: SimulatedTenant, body: bytes) -> dict[str, str]:
    signature = hmac.digest(tenant.whatsapp.app_secret.encode(), body, "sha256").hex()
    return {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={signature}"}
