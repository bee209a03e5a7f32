"""What one webhook body or batch of intake records becomes: the records to append, and the counts to answer with."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from schemas.envelope import Envelope, encode
from schemas.tenant import Tenant
from schemas.translation import Translated
from streams.dead_letters import NO_TENANT, dead_letter_entry
from streams.gateway.bodies import json_bytes
from streams.gateway.metrics import GatewayMetrics
from streams.log import Entry
from streams.topics import EVENTS, MAX_MESSAGE_BYTES

#: Leaves room for headers and the record around the value.
MAX_FACT_BYTES = MAX_MESSAGE_BYTES - 64 * 1024


@dataclass(slots=True)
class Batch:
    """Collects facts, skips and dead letters in the order in which they came."""

    #: ``webhooks/whatsapp/main``, ``intake/3/4711``: where dead letters say they came from.
    origin: str
    handler: str
    #: Canonical time of arrival.
    recordedtime: str
    entries: list[Entry] = field(default_factory=list)
    facts: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    dead_lettered: Counter[str] = field(default_factory=Counter)

    def add(self, tenant: Tenant, translated: Translated, body: bytes) -> None:
        """Take over a translation; ``body`` is what its elements came in."""
        for fact in translated.facts:
            self.add_fact(tenant, fact, body)
        self.skipped.update(translated.skipped)
        for rejected in translated.rejected:
            self.add_dead_letter(tenant, json_bytes(rejected.element, body), rejected.reason, rejected.detail)

    def add_fact(self, tenant: Tenant, fact: Envelope, body: bytes) -> None:
        """Append ``fact`` to its tenant's partition; ``body`` is kept instead of a fact too large for the log."""
        value = encode(fact)
        if len(value) > MAX_FACT_BYTES:
            self.add_dead_letter(tenant, body, "fact_too_large", f"{fact.type} of {len(value)} bytes")
            return
        self.facts[fact.type] += 1
        headers = [("type", fact.type.encode()), ("id", fact.id.encode())]
        self.entries.append(Entry(EVENTS, tenant.partition, value, key=tenant.id.encode(), headers=headers))

    def add_dead_letter(self, tenant: Tenant | None, value: bytes, reason: str, detail: str = "") -> None:
        """Keep ``value``; ``reason`` is a short name fit for a metric, ``detail`` says more to a person."""
        self.dead_lettered[reason] += 1
        self.entries.append(
            dead_letter_entry(
                partition=NO_TENANT if tenant is None else tenant.partition,
                tenant=None if tenant is None else tenant.id,
                value=value,
                reason=f"{reason}: {detail}" if detail else reason,
                origin=self.origin,
                handler=self.handler,
                at=self.recordedtime,
            )
        )

    def answer(self) -> dict[str, int]:
        """What the platform is told; it ignores it, people and tests do not."""
        return {
            "accepted": self.facts.total(),
            "skipped": self.skipped.total(),
            "dead_lettered": self.dead_lettered.total(),
        }

    def count(self, metrics: GatewayMetrics) -> None:
        """Add to the process's totals; called once the records are in the log."""
        for counts, total in (
            (self.facts, metrics.facts),
            (self.skipped, metrics.skips),
            (self.dead_lettered, metrics.dead_letters),
        ):
            for name, number in counts.items():
                total(name).inc(number)
