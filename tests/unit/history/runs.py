"""Small runs that went well, told by a model of the system that knows only its outside."""

from __future__ import annotations

import base64
import random
import uuid
from dataclasses import dataclass, field, replace
from typing import Any

from tests.history.history import Booked, Call, History, Line, LogRecord, Platform, Row, Said

CUSTOMERS = ("447700900001", "447700900002", "447700900003")


def _id(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


@dataclass
class Run:
    """Builds a history message by message; one tenant has one partition."""

    seed: int
    said: list[Said] = field(default_factory=list)
    events: list[LogRecord] = field(default_factory=list)
    outcomes: list[LogRecord] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    booked: list[Booked] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    clock: int = 1_790_000_000_000

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        #: By fact: the delivery that it demands, and its offset.
        self.demanded: dict[str, tuple[str, int]] = {}
        self.terms = {0: self.takeover(0), 1: self.takeover(1)}

    def history(self) -> History:
        return History(
            said=tuple(self.said),
            events=tuple(self.events),
            outcomes=tuple(self.outcomes),
            calls=tuple(self.calls),
            booked=tuple(self.booked),
            lines=tuple(self.lines),
            rows=tuple(self.rows),
        )

    def append(self, log: list[LogRecord], partition: int, type: str, data: dict[str, Any], **attributes: Any) -> int:
        self.clock += 1
        offset = sum(record.partition == partition for record in log)
        log.append(LogRecord(partition, offset, self.clock, {"type": type, "data": data, **attributes}))
        return offset

    def takeover(self, partition: int) -> int:
        return self.append(self.outcomes, partition, "sender.took_over", {"sender": "a"})

    def fact(self, tenant: int, customer: str, type: str, data: dict[str, Any]) -> str:
        identity = _id(self.random)
        subject = base64.urlsafe_b64encode(f"{tenant}/{customer}/thread".encode()[:16].ljust(16)).decode()[:22]
        attributes = {"id": identity, "tenantid": f"t{tenant}", "subject": subject}
        offset = self.append(self.events, tenant, type, {"channel": f"1{tenant}", **data}, **attributes)
        self.demanded[identity] = identity, offset
        return identity

    def redriven(self, tenant: int, delivery: str, number: int = 1, time: str = "2026-11-26T10:00:00Z") -> str:
        """The fact that demands a delivery again; ``time`` is its command's."""
        [original] = [record for record in self.events if record.value.get("id") == delivery]
        carried = {"original": original.value}
        data = {"delivery": delivery, "number": number, "offset": original.offset, "personal": carried}
        named = {name: original.value[name] for name in ("tenantid", "subject")}
        identity = _id(self.random)
        more = {"reason": "corrected", "by": "op"}
        offset = self.append(self.events, tenant, "delivery.redriven", data | more, id=identity, time=time, **named)
        self.demanded[identity] = delivery, offset
        return identity

    def attempted(self, tenant: int, fact: str, attempt: int = 1) -> None:
        self.append(self.outcomes, tenant, "delivery.attempted", self._attempt(fact, attempt, self.terms[tenant]))

    def result(
        self, tenant: int, fact: str, kind: str = "accepted", attempt: int = 1, term: int | None = None, **more: Any
    ) -> None:
        data = self._attempt(fact, attempt, self.terms[tenant] if term is None else term)
        self.append(self.outcomes, tenant, f"delivery.{kind}", data | more)

    def _attempt(self, fact: str, attempt: int, term: int) -> dict[str, Any]:
        delivery, offset = self.demanded[fact]
        return {"delivery": delivery, "offset": offset, "part": 1, "parts": 1, "attempt": attempt, "term": term}

    def call(self, tenant: int, platform: Platform, operation: str, customer: str, id: str) -> None:
        self.clock += 1
        self.calls.append(
            Call(platform, len(self.calls) + 1, self.clock, f"t{tenant}", operation, customer, id, 200, True)
        )

    def line(self, tenant: int, customer: str, ours: str | None) -> None:
        """Genesys books a message in the one conversation that the customer has there."""
        self.lines.append(Line(f"t{tenant}", customer, f"conversation {tenant} {customer}", self.clock, ours))

    def refused(self, tenant: int, customer: str, text: str) -> tuple[str, str]:
        """A customer's message that Genesys refuses for good: its fact and its wamid."""
        wamid = f"wamid.{self.random.getrandbits(64):016X}"
        self.said.append(Said(f"t{tenant}", "customer", wamid, frozenset({customer}), text, "text"))
        personal = {"customer": customer, "whatsapp_id": wamid}
        fact = self.fact(tenant, customer, "message.received", {"direction": "inbound", "personal": personal})
        self.rows.append(Row(f"t{tenant}", fact, "inbound", "text", text, "failed", wamid, None))
        self.attempted(tenant, fact)
        self.call(tenant, "genesys", "message", customer, wamid)
        self.calls[-1] = replace(self.calls[-1], status=400, accepted=False)
        self.result(tenant, fact, "dead_lettered", failure={"code": "400", "reason": "bad.request"})
        return fact, wamid

    def customer_says(self, tenant: int, customer: str, text: str) -> None:
        wamid, genesys_id = f"wamid.{self.random.getrandbits(64):016X}", f"{self.random.getrandbits(128):032x}"
        self.said.append(Said(f"t{tenant}", "customer", wamid, frozenset({customer}), text, "text"))
        personal = {"customer": customer, "whatsapp_id": wamid}
        fact = self.fact(tenant, customer, "message.received", {"direction": "inbound", "personal": personal})
        self.attempted(tenant, fact)
        self.call(tenant, "genesys", "message", customer, wamid)
        self.result(tenant, fact)
        self.booked.append(Booked("genesys", f"t{tenant}", genesys_id, wamid))
        self.line(tenant, customer, wamid)
        self.rows.append(Row(f"t{tenant}", fact, "inbound", "text", text, "sent", wamid, genesys_id))

    def agent_says(self, tenant: int, customer: str, text: str) -> None:
        wamid, genesys_id = f"wamid.{self.random.getrandbits(64):016X}", f"{self.random.getrandbits(128):032x}"
        self.said.append(
            Said(f"t{tenant}", "agent", genesys_id, frozenset({customer}), text, "text", direction="outbound")
        )
        self.line(tenant, customer, None)
        data = {"direction": "outbound", "genesys_id": genesys_id, "personal": {"customer": customer}}
        fact = self.fact(tenant, customer, "message.composed", data)
        self.attempted(tenant, fact)
        self.call(tenant, "whatsapp", "message", f"+{customer}", callback_data(fact))
        self.result(tenant, fact)
        self.booked.append(Booked("whatsapp", f"t{tenant}", wamid, callback_data(fact), "read"))
        self.rows.append(Row(f"t{tenant}", fact, "outbound", "text", text, "read", wamid, genesys_id))
        self.statuses(tenant, customer, fact, genesys_id)

    def statuses(self, tenant: int, customer: str, message: str, genesys_id: str) -> None:
        data = {"message": message, "genesys_id": genesys_id, "part": 1, "parts": 1}
        self.fact(tenant, customer, "status.sent", data)
        delivered = self.fact(tenant, customer, "status.delivered", data)
        self.fact(tenant, customer, "status.read", data)
        self.attempted(tenant, delivered)
        self.call(tenant, "genesys", "receipt", customer, genesys_id)
        self.result(tenant, delivered)


def callback_data(fact: str) -> str:
    delivery = base64.urlsafe_b64encode(uuid.UUID(fact).bytes).decode().rstrip("=")
    return f"rl1.{delivery}.{'s' * 22}.1-1"


def clean_run(seed: int, messages: int = 12) -> History:
    """Two tenants who talk with customers they share; everything arrives once and in order."""
    run = Run(seed)
    for number in range(messages):
        tenant, customer = run.random.randrange(2), run.random.choice(CUSTOMERS)
        say = run.customer_says if run.random.random() < 0.5 else run.agent_says
        say(tenant, customer, f"message {number}")
    return run.history()
