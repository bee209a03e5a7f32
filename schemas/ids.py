"""Deterministic identities: the same fact, seen by any way and any number of times, has one id.

Nothing here reveals a phone number: what is derived from one passes through an HMAC under the tenant's pepper.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid

NAMESPACE = uuid.UUID("6f1c2a0e-9d55-5c1b-8f0e-7a1d0c4b52aa")

_SEPARATOR = "\x1f"


def event_id(tenant: str, source: str, kind: str, *platform_id: str) -> str:
    """UUIDv5 of tenant, source, kind and the platform's own id, as text.

    ``platform_id`` is the wamid for a message, wamid + status (+ participant) for a status, the Genesys message id for
    a message, id + ``channel.time`` for its events and receipts, the client's idempotency key for produced events.
    """
    return _uuid5(tenant, source, kind, *platform_id)


def whatsapp_message_id(tenant: str, wamid: str) -> str:
    """Event id of a message that WhatsApp knows by ``wamid`` (received, or echoed from the business's own phone)."""
    return event_id(tenant, "whatsapp", "message", wamid)


def genesys_message_id(tenant: str, message_id: str) -> str:
    """Event id of a message that Genesys knows by ``message_id`` (composed by an agent, a bot or the agentless API)."""
    return event_id(tenant, "genesys", "message", message_id)


def pseudonym(pepper: bytes, *parts: str) -> str:
    """22 URL-safe characters (128 bits of HMAC-SHA256 under the tenant's pepper) that stand for ``parts``."""
    digest = hmac.digest(pepper, _SEPARATOR.join(parts).encode(), "sha256")
    return base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=")


def thread_subject(pepper: bytes, channel: str, customer: str) -> str:
    """``subject`` of every fact about the thread (channel, customer)."""
    return pseudonym(pepper, "thread", channel, customer)


def customer_pseudonym(pepper: bytes, customer: str) -> str:
    """``data.customer`` of every fact that names its customer: one a customer of the tenant, over all channels."""
    return pseudonym(pepper, "customer", customer)


def conversation_id(tenant: str, subject: str) -> str:
    """Id of the conversation in queries: UUIDv5 of tenant and thread, so it never changes."""
    return _uuid5(tenant, "conversation", subject)


def customer_id(tenant: str, customer: str) -> str:
    """Id of the customer in queries, from the customer's pseudonym."""
    return _uuid5(tenant, "customer", customer)


def _uuid5(*parts: str) -> str:
    """Text of `uuid.uuid5` under NAMESPACE, without the object that it makes: every fact needs one or two of these."""
    name = NAMESPACE.bytes + _SEPARATOR.join(parts).encode()
    value = bytearray(hashlib.sha1(name, usedforsecurity=False).digest()[:16])
    value[6] = value[6] & 0x0F | 0x50  # version 5
    value[8] = value[8] & 0x3F | 0x80  # the variant of RFC 9562
    text = value.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
