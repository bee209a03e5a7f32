"""A customer: names, the ids by which the platforms know them, and links to other identities of the same person."""

from __future__ import annotations

import msgspec

from schemas.folds.registers import greatest, least


class CustomerState(msgspec.Struct, gc=False, kw_only=True):
    """One identity of a customer; fields in the order of its staging table. Names are registers: the latest wins."""

    tenant_id: str
    customer_id: str
    #: ``data.customer`` of the facts about this identity.
    pseudonym: str | None = None
    name: str | None = None
    name_at: str | None = None
    username: str | None = None
    username_at: str | None = None
    first_seen_at: str | None = None
    last_seen_at: str | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """What identifies the customer."""
        return (self.tenant_id, self.customer_id)

    def join(self, other: CustomerState) -> None:
        """Take in what ``other`` knows of the same customer; associative, commutative, idempotent."""
        self.pseudonym = least(self.pseudonym, other.pseudonym)
        if (other.name_at or "", other.name or "") > (self.name_at or "", self.name or ""):
            self.name, self.name_at = other.name, other.name_at
        if (other.username_at or "", other.username or "") > (self.username_at or "", self.username or ""):
            self.username, self.username_at = other.username, other.username_at
        self.first_seen_at = least(self.first_seen_at, other.first_seen_at)
        self.last_seen_at = greatest(self.last_seen_at, other.last_seen_at)


class CustomerAlias(msgspec.Struct, gc=False, kw_only=True):
    """A platform's id of a customer: ``kind`` is wa_id, user_id (BSUID) or parent_user_id (whatsapp.md section 7)."""

    tenant_id: str
    kind: str
    value: str
    customer_id: str
    first_at: str
    #: When the customer gave it up for another; a stranger may have it later.
    ended_at: str | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """What identifies the alias."""
        return (self.tenant_id, self.kind, self.value, self.customer_id)

    def join(self, other: CustomerAlias) -> None:
        """The first time it was seen, and the last time it was given up."""
        self.first_at = min(self.first_at, other.first_at)
        self.ended_at = greatest(self.ended_at, other.ended_at)


class CustomerLink(msgspec.Struct, gc=False, kw_only=True):
    """Two identities that are one person; held in both directions."""

    tenant_id: str
    customer_id: str
    linked_id: str
    at: str

    @property
    def key(self) -> tuple[str, ...]:
        """What identifies the link."""
        return (self.tenant_id, self.customer_id, self.linked_id)

    def join(self, other: CustomerLink) -> None:
        """The first time it was learnt."""
        self.at = min(self.at, other.at)


class ContextVersion(msgspec.Struct, gc=False, kw_only=True):
    """A context document that a service wrote; whether it counts is decided by the log's order, when it is shown."""

    tenant_id: str
    customer_id: str
    #: Event id of the write.
    version: str
    #: The version that it was to replace.
    replaces: str | None
    #: JSON.
    document: str
    by: str
    at: str
    #: Offset in ``events`` of its first copy.
    log_position: int | None

    @property
    def key(self) -> tuple[str, ...]:
        """What identifies the write."""
        return (self.tenant_id, self.customer_id, self.version)

    def join(self, other: ContextVersion) -> None:
        """Of two copies of one fact the first in the log stays."""
        if _written(other) < _written(self):
            self.replaces, self.document, self.by, self.at = other.replaces, other.document, other.by, other.at
            self.log_position = other.log_position


def _written(write: ContextVersion) -> tuple[int, str, str, str, str]:
    return (write.log_position or 0, write.at, write.replaces or "", write.by, write.document)
