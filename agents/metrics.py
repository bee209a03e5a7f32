"""Figures of the sender, in seconds and totals."""

from __future__ import annotations

from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from agents.answers import Answer, NotSent, Refused, Taken, Unanswered
from schemas.delivery import Kind
from schemas.outcomes import Platform


class CallMetrics:
    """The figures of one platform's calls, their labels looked up once and not for each call."""

    def __init__(self, metrics: SenderMetrics, platform: Platform) -> None:
        self._seconds = metrics.call_seconds.labels(platform)
        self._ended = {
            ending: metrics.calls.labels(platform, ending.__name__.lower())
            for ending in (Taken, Refused, NotSent, Unanswered)
        }
        self._delay = metrics.delay.labels(platform)
        self._permit_seconds = {kind: metrics.permit_seconds.labels(platform, kind) for kind in get_args(Kind)}
        self._accepted = metrics.finished.labels(platform, "accepted")

    def ended(self, answer: Answer, seconds: float) -> None:
        """A call took so long and ended so."""
        self._seconds.observe(seconds)
        self._ended[type(answer)].inc()

    def permitted(self, kind: Kind, seconds: float) -> None:
        """A call of that kind waited so long for its permit."""
        self._permit_seconds[kind].observe(seconds)

    def accepted(self, seconds: float) -> None:
        """A delivery was accepted whole, so long after its fact was appended."""
        self._delay.observe(max(0.0, seconds))
        self._accepted.inc()


class SenderMetrics:
    """All metrics of a sender process, in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.calls = Counter(
            "relaylog_sender_calls", "Calls to a platform by how they ended", ["platform", "result"], registry=registry
        )
        self.call_seconds = Histogram(
            "relaylog_sender_call_seconds", "Duration of calls", ["platform"], registry=registry
        )
        self.permit_seconds = Histogram(
            "relaylog_sender_permit_seconds",
            "Seconds that a call waited for a permit of its rate limit, by kind",
            ["platform", "kind"],
            buckets=(0.01, 0.1, 1, 5, 15, 60, 300, 3600),
            registry=registry,
        )
        self.permits_waiting = Gauge(
            "relaylog_sender_permits_waiting", "Calls that wait for a permit now", ["platform"], registry=registry
        )
        self.budget_used = Gauge(
            "relaylog_sender_budget_used_ratio",
            "Of the client nearest to its limit: calls that Genesys counted in the window, of those that it allows",
            registry=registry,
        )
        self.in_flight = Gauge("relaylog_sender_calls_in_flight", "Slots for calls that are taken", registry=registry)
        self.slots_waiting = Gauge(
            "relaylog_sender_slots_waiting", "Calls that have a permit and wait for a slot", registry=registry
        )
        self.order_waits = Counter(
            "relaylog_sender_order_waits",
            "Waits of a message until WhatsApp had shown the one before, by how they ended: shown, over",
            ["result"],
            registry=registry,
        )
        self.late_copies = Counter(
            "relaylog_sender_late_copies_looked_up",
            "Facts appended so late that the log was searched for an earlier copy",
            registry=registry,
        )
        self.finished_ahead = Gauge(
            "relaylog_sender_finished_ahead",
            "Finished deliveries that are remembered because an earlier one of their destination is not finished",
            registry=registry,
        )
        self.refusals = Counter(
            "relaylog_sender_refusals",
            "Calls that a platform refused or that could not be prepared, by cause (agents/policy.py)",
            ["platform", "cause"],
            registry=registry,
        )
        self.uncertain = Counter(
            "relaylog_sender_uncertain",
            "Calls that the platform itself answered with a server error; they are made again, though one may have "
            "taken effect",
            ["platform"],
            registry=registry,
        )
        self.mints = Counter(
            "relaylog_sender_token_mints",
            "Mints of tokens by how they ended: minted, refused, too_soon, unreachable",
            ["result"],
            registry=registry,
        )
        self.finished = Counter(
            "relaylog_sender_deliveries_finished",
            "Deliveries by how they ended",
            ["platform", "result"],
            registry=registry,
        )
        self.ambiguous = Counter(
            "relaylog_sender_ambiguous",
            "Deliveries whose answer was unknown, by what was done",
            ["platform", "action"],
            registry=registry,
        )
        self.circuits = Counter(
            "relaylog_sender_circuit_events",
            "What happened to circuit breakers: opened, closed, probe_failed",
            ["platform", "event"],
            registry=registry,
        )
        self.typing = Counter(
            "relaylog_sender_typing",
            "Typing indicators by what became of them: shown, refused, late, overtaken, away",
            ["result"],
            registry=registry,
        )
        self.open_circuits = Gauge(
            "relaylog_sender_open_circuits",
            "Destinations whose circuit is open, by reason: transport, server, configuration, credentials",
            ["platform", "reason"],
            registry=registry,
        )
        self.paused = Gauge(
            "relaylog_sender_paused_destinations", "Destinations that an operator paused", registry=registry
        )
        self.waiting = Gauge(
            "relaylog_sender_waiting_seconds",
            "Age of the oldest delivery in memory of a destination that is behind or keeps it for more than a minute",
            ["tenant", "platform"],
            registry=registry,
        )
        self.notices = Counter(
            "relaylog_sender_outage_notices", "Notices to customers whose messages wait for Genesys", registry=registry
        )
        self.copies = Counter(
            "relaylog_sender_duplicate_facts", "Facts skipped as copies of an earlier one", registry=registry
        )
        self.unexpected = Counter(
            "relaylog_sender_unexpected_failures",
            "Attempts that our own code failed over; they are made again",
            ["platform"],
            registry=registry,
        )
        self.parked = Counter(
            "relaylog_sender_parked",
            "Facts kept as dead letters because they could not be read or planned",
            registry=registry,
        )
        self.takeovers = Counter("relaylog_sender_takeovers", "Partitions taken over", registry=registry)
        self.fenced = Counter(
            "relaylog_sender_fenced", "Partitions lost to another owner seen in the log", registry=registry
        )
        self.behind = Counter(
            "relaylog_sender_behind", "Destinations that went behind, by reason", ["reason"], registry=registry
        )
        self.gaps = Counter("relaylog_sender_gaps", "Cursors that the start of the log had passed", registry=registry)
        self.checkpoints = Counter("relaylog_sender_checkpoints", "Checkpoints written", registry=registry)
        self.swept = Counter("relaylog_sender_swept_records", "Records read by the sweep", registry=registry)
        self.places = Gauge("relaylog_sender_places", "Deliveries in memory", registry=registry)
        self.destinations = Gauge("relaylog_sender_destinations", "Destinations by state", ["state"], registry=registry)
        self.lag = Gauge("relaylog_sender_lag_records", "Facts that no sender has looked at yet", registry=registry)
        self.partitions = Gauge("relaylog_sender_partitions", "Partitions owned", registry=registry)
        self.topic_partitions = Gauge(
            "relaylog_sender_topic_partitions", "Partitions that senders must own together", registry=registry
        )
        self.log_unavailable = Counter(
            "relaylog_sender_log_unavailable", "Times that no broker answered the sender", registry=registry
        )
        self.clock_skew = Gauge(
            "relaylog_sender_clock_skew_seconds",
            "The broker's clock minus this process's, at its last claim or checkpoint, the append included",
            registry=registry,
        )
        self.delay = Histogram(
            "relaylog_sender_delay_seconds",
            "Seconds from the append of a fact to the platform's acceptance",
            ["platform"],
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 3600),
            registry=registry,
        )
        self._of: dict[Platform, CallMetrics] = {}

    def of(self, platform: Platform) -> CallMetrics:
        """The figures of calls to ``platform``."""
        known = self._of.get(platform)
        if known is None:
            known = self._of[platform] = CallMetrics(self, platform)
        return known
