"""The facts of `events`: the first record with an id counts, and what each demands of a platform."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from tests.history.history import LogRecord, Platform, Said

TO_GENESYS = frozenset({"message.received", "message.edited", "message.revoked", "message.reacted"})
#: Facts that the query API shows as a message; an edit or a removal changes the message that it is about.
SHOWN = frozenset({"message.received", "message.composed", "message.echoed", "message.reacted"})
REDRIVEN = "delivery.redriven"
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


@dataclass(frozen=True, slots=True)
class Redrive:
    """The first record of a fact that demands again what was given up."""

    #: The original, with the redrive's own id and place in the log.
    fact: Fact
    #: The original as it stands in the log, or as the redrive carries it.
    original: Fact
    #: 1 for the first redrive of the delivery.
    number: int
    #: What all redrives of one command share.
    command: tuple[object, ...]
    #: So many parts it does not demand, since they had been taken before.
    taken: int


class Facts:
    """Index of the facts in log order."""

    def __init__(self, records: Iterable[LogRecord]) -> None:
        self.by_id: dict[str, Fact] = {}
        self.by_whatsapp_id: dict[str, Fact] = {}
        #: Messages from Genesys.
        self.by_genesys_id: dict[str, Fact] = {}
        #: By Genesys message id: every status that may give its one receipt, in log order.
        self.receipts: dict[str, list[Fact]] = {}
        #: By their id, in log order.
        self.redrives: dict[str, Redrive] = {}
        #: By partition and offset: id of the redrive that stands there, copies included.
        self.redrive_at: dict[tuple[int, int], str] = {}
        for record in sorted(records, key=lambda r: (r.partition, r.offset)):
            if record.value.get("type") == REDRIVEN:
                self._add_redrive(record)
            elif "id" in record.value:
                self._add(_fact(record))

    def of(self, said: Said) -> Fact | None:
        """The fact that a said message became."""
        index = {"customer": self.by_whatsapp_id, "agent": self.by_genesys_id, "intake": self.by_id}[said.origin]
        return index.get(said.id)

    def _add_redrive(self, record: LogRecord) -> None:
        redrive = _fact(record)
        self.redrive_at[redrive.position] = redrive.id
        if redrive.id in self.redrives:
            return
        value, data = record.value, redrive.data
        carried = LogRecord(record.partition, data["offset"], record.timestamp, data["personal"]["original"])
        original = self.by_id.get(data["delivery"]) or _fact(carried)
        again = replace(original, id=redrive.id, partition=redrive.partition, offset=redrive.offset)
        command = (redrive.tenant, value.get("time"), data.get("reason"), data.get("by"))
        self.redrives[redrive.id] = Redrive(again, original, data["number"], command, data.get("taken", 0))

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
