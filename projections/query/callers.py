"""Who asks: a tenant by one of its keys, or the operator."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Literal

from streams.directory import TenantDirectory

#: Holds the dead letters of no tenant.
NOBODY = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """What a request may see."""

    role: Literal["relaylog_query", "relaylog_operator"]
    tenants: tuple[str, ...]
    #: Of the key.
    name: str
    may_write: bool

    @property
    def only_tenant(self) -> str | None:
        """The tenant, where there is just one."""
        return self.tenants[0] if len(self.tenants) == 1 else None


def identify(bearer: str, tenant: str | None, directory: TenantDirectory, operator_key: str) -> Caller | None:
    """Whoever presented ``bearer``; ``tenant`` narrows what the operator sees. None for an unknown key."""
    if operator_key and hmac.compare_digest(bearer.encode(), operator_key.encode()):
        everyone = (NOBODY, *(t.id for t in directory.tenants))
        return Caller("relaylog_operator", everyone if tenant is None else (tenant,), "operator", True)
    found = directory.by_api_key(bearer)
    if found is None:
        return None
    digest = hashlib.sha256(bearer.encode()).hexdigest()
    key = next(key for key in found.api_keys if key.sha256 == digest)
    return Caller("relaylog_query", (found.id,), key.id, "write" in key.scopes)
