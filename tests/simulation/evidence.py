"""What is known of a finished run: the platforms' books and the log, and nothing of the sender's own state."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from schemas.tenant import Tenant
from streams.log import Record
from streams.settings import Settings
from tests.simulation.books import Arrival, Books, Call
from tests.simulation.demands import Demand, Demands, FactId, read_demands
from tests.simulation.log import SimulatedLog
from tests.simulation.trail import Attempt, Story, Trail, read_trail


@dataclass
class Evidence:
    """All that is known of a run."""

    settings: Settings
    tenants: dict[str, Tenant]
    books: Books
    log: SimulatedLog
    demands: Demands
    trail: Trail
    #: Facts by the names that the books use: the first that demanded it, then its redrives.
    facts: dict[str, list[Demand]]
    reached: Counter[str] = field(default_factory=Counter)

    def story(self, fact: FactId) -> Story:
        return self.trail.stories.get(fact, Story())


def gather(settings: Settings, tenants: dict[str, Tenant], books: Books, log: SimulatedLog) -> Evidence:
    """Read the log of a finished run."""
    starts = {partition: log.starts[topic, partition] for topic, partition in list(log.records) if topic == "events"}
    demands = read_demands(_partitions(log, "events"), starts, round(1000 * settings.duplicate_window))
    facts: dict[str, list[Demand]] = defaultdict(list)
    for demand in demands.all:
        facts[demand.name].append(demand)
    trail = read_trail(_partitions(log, "outcomes"), books.stops)
    return Evidence(settings, tenants, books, log, demands, trail, dict(facts))


def right(evidence: Evidence, arrival: Arrival | Call) -> tuple[Attempt | None, Demand]:
    """The newest attempt that allows the call, and the fact for which it was made."""
    found: tuple[Attempt | None, Demand] = (None, evidence.facts[arrival.name][0])
    for demand in evidence.facts[arrival.name]:
        for attempt in evidence.story(demand.fact).attempts:
            mine = attempt.process == arrival.process and attempt.part == arrival.part
            if mine and attempt.offset < arrival.log_end_sent and (not found[0] or attempt.offset > found[0].offset):
                found = (attempt, demand)
    return found


def is_in_gap(evidence: Evidence, demand: Demand) -> bool:
    """True when retention took the fact, and the log says that this tenant may miss it."""
    partition, offset = demand.fact
    return any(
        (partition, demand.tenant, demand.platform) == gap[:3]
        and gap[3] <= offset
        and any(t.partition == partition and t.start > offset and t.outcomes_end <= gap[4] for t in evidence.log.trims)
        for gap in evidence.trail.gaps
    )


def is_unknown(evidence: Evidence, demand: Demand) -> bool:
    """True when an owner may not know the fact, or takes a copy for it, because retention has taken something."""
    return demand.optional or demand.id in evidence.demands.forgotten or is_in_gap(evidence, demand)


def _partitions(log: SimulatedLog, topic: str) -> dict[int, list[Record]]:
    return {partition: records for (name, partition), records in sorted(log.records.items()) if name == topic}
