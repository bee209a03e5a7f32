"""The facts of `events`: the first record with an id counts, and what each demands of a platform."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.history.history import LogRecord, Platform, Said

TO_GENESYS = frozenset({"message.received", "message.edited", "message.revoked", "message.reacted"})
#: Facts that the query API shows as a message; an edit or a removal changes the message that it is about.
SHOWN = frozenset({"message.received", "message.composed", "message.echoed", "message.reacted"})
RECEIPT_GIVING = frozenset({"status.delivered", "status.read", "status.failed"})


@dataclass(frozen=True, slots=True)
class Fact:
    """The first record of a fact."""

    id: str
    type: str
    tenant: str
    subject: str | None
    partition: int
    offset: int
    data: dict[str, Any]

    @property
    def position(self) -> tuple[int, int]:
        return self.partition, self.offset

    @property
    def whatsapp_id(self) -> str | None:
        """wamid of the message itself."""
        return self._personal.get("whatsapp_id") if self.type.startswith("message.") else None

    @property
    def genesys_id(self) -> str | None:
        return self.data.get("genesys_id")

    @property
    def customer(self) -> str | None:
        """The customer's id, which only messages carry."""
        return self._personal.get("customer")

    @property
    def _personal(self) -> dict[str, Any]:
        return self.data.get("personal") or {}

    @property
    def message_for(self) -> Platform | None:
        """The platform that must get this message."""
        if self.type in TO_GENESYS:
            return "genesys"
        return "whatsapp" if self.type == "message.composed" else None

    @property
    def receipt_for(self) -> str | None:
        """Genesys id of the message about which this status tells Genesys; a long message came with its last part."""
        whole = self.data.get("part", 1) == self.data.get("parts", 1)
        return self.genesys_id if self.type in RECEIPT_GIVING and (whole or self.type == "status.failed") else None


class Facts:
    """Index of the facts in log order."""

    def __init__(self, records: Iterable[LogRecord]) -> None:
        self.by_id: dict[str, Fact] = {}
        self.by_whatsapp_id: dict[str, Fact] = {}
        #: Messages from Genesys.
        self.by_genesys_id: dict[str, Fact] = {}
        #: By Genesys message id: every status that may give its one receipt, in log order.
        self.receipts: dict[str, list[Fact]] = {}
        for record in sorted(records, key=lambda r: (r.partition, r.offset)):
            if "id" in record.value:
                self._add(_fact(record))

    def of(self, said: Said) -> Fact | None:
        """The fact that a said message became."""
        index = {"customer": self.by_whatsapp_id, "agent": self.by_genesys_id, "intake": self.by_id}[said.origin]
        return index.get(said.id)

    def _add(self, fact: Fact) -> None:
        if fact.id in self.by_id:
            return
        self.by_id[fact.id] = fact
        if fact.whatsapp_id:
            self.by_whatsapp_id.setdefault(fact.whatsapp_id, fact)
        if fact.type == "message.composed" and fact.genesys_id:
            self.by_genesys_id.setdefault(fact.genesys_id, fact)
        if fact.receipt_for:
            self.receipts.setdefault(fact.receipt_for, []).append(fact)


def _fact(record: LogRecord) -> Fact:
    value = record.value
    return Fact(
        id=value["id"],
        type=value.get("type", ""),
        tenant=value.get("tenantid", ""),
        subject=value.get("subject"),
        partition=record.partition,
        offset=record.offset,
        data=value.get("data") or {},
    )
