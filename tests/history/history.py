"""What a run left behind, as plain values, and the report that judges it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, Literal

Platform = Literal["genesys", "whatsapp"]
#: Who said it: a customer on WhatsApp, an agent in Genesys, another program through `intake`.
Origin = Literal["customer", "agent", "intake"]


@dataclass(frozen=True, slots=True)
class Said:
    """A message that relaylog took over: the webhook was answered 200, or the record is in `intake`."""

    tenant: str
    origin: Origin
    #: wamid, Genesys message id, or the event id that the program gave.
    id: str
    #: Every way in which the platforms name the customer, digits without ``+``.
    customers: frozenset[str]
    #: None where the kind has no text of its own, so that its wording is relaylog's.
    text: str | None = None
    kind: str | None = None
    #: The outbound way is towards WhatsApp; only an intake event may go either.
    direction: Literal["inbound", "outbound"] = "inbound"
    accepted: bool = True
    #: By its books the platform tells nobody of it any more: its webhook was never answered with 200.
    given_up: bool = False


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A record of `events` or `outcomes`; ``value`` is empty when it is not a JSON object."""

    partition: int
    offset: int
    #: Unix milliseconds by the broker's clock.
    timestamp: int
    value: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """A row of a platform's ledger: a call as it arrived there."""

    platform: Platform
    n: int
    #: Unix milliseconds by the platform's clock.
    at: int
    #: Owner of the account that was called.
    tenant: str | None
    operation: str
    customer: str | None
    #: Genesys: ``channel.messageId``, or the message that a receipt is about. WhatsApp: the callback data, whole.
    id: str | None
    status: int | None
    accepted: bool
    body: Any = None


@dataclass(frozen=True, slots=True)
class Booked:
    """What a platform knows of a message that it took from relaylog."""

    platform: Platform
    tenant: str
    #: wamid or Genesys message id.
    id: str
    #: As in `Call.id`.
    ours: str
    status: str | None = None
    genesys_conversation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A message as Genesys's books have it."""

    tenant: str
    customer: str
    conversation_id: str
    #: Unix milliseconds by Genesys's clock.
    at: int
    #: What relaylog called the message with which it came; None where an agent wrote.
    ours: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """A message as the query API shows it to ``tenant``'s key."""

    tenant: str
    id: str
    direction: str
    kind: str
    text: str | None
    status: str
    whatsapp_id: str | None
    genesys_id: str | None
    conversation_id: str | None = None
    customer_id: str | None = None


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation as the query API shows it to ``tenant``'s key."""

    tenant: str
    id: str
    messages_in: int
    messages_out: int
    genesys_conversation_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sight:
    """Something of ``owner`` that another tenant's key was shown."""

    viewer: str
    owner: str
    id: str


@dataclass(frozen=True, slots=True)
class History:
    """Everything that a run left behind."""

    said: tuple[Said, ...] = ()
    events: tuple[LogRecord, ...] = ()
    outcomes: tuple[LogRecord, ...] = ()
    calls: tuple[Call, ...] = ()
    booked: tuple[Booked, ...] = ()
    #: In the order in which Genesys booked them.
    lines: tuple[Line, ...] = ()
    rows: tuple[Row, ...] = ()
    threads: tuple[Thread, ...] = ()
    sights: tuple[Sight, ...] = ()
    #: Values of the dead letters that carry a reason.
    dead_letters: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing found: the id it is about, and words for a person."""

    id: str
    words: str

    def __str__(self) -> str:
        return f"{self.id}: {self.words}"


#: Lists of a report that a run may fill: nobody could have known better, or nobody told relaylog.
ALLOWED = ("ambiguous", "repeated", "given_up")


@dataclass(slots=True)
class Report:
    """What `check` found. Each field but those of `ALLOWED` lists violations."""

    #: Taken over and never in effect at the other side, nor given up with a reason.
    lost: list[Finding] = field(default_factory=list)
    #: More copies took effect than the log's ambiguous-and-resent list explains.
    duplicated: list[Finding] = field(default_factory=list)
    #: First copies of one thread arrived in another order than their facts have in the log.
    reordered: list[Finding] = field(default_factory=list)
    #: Seen by another tenant or customer than its own.
    leaked: list[Finding] = field(default_factory=list)
    #: Conversations opened while another one of the customer was open, and calls that came early enough to do that.
    split: list[Finding] = field(default_factory=list)
    #: Rows of the tables that differ from the platforms' books.
    differing: list[Finding] = field(default_factory=list)
    #: Calls without a written-ahead, valid `delivery.attempted`.
    uncovered: list[Finding] = field(default_factory=list)
    #: Attempts sent again because their answer is unknown: allowed, listed.
    ambiguous: list[Finding] = field(default_factory=list)
    #: Those of them that took effect twice: allowed, listed.
    repeated: list[Finding] = field(default_factory=list)
    #: Messages that a platform gave up telling relaylog, and that are not in the log: lost until they are fetched.
    given_up: list[Finding] = field(default_factory=list)

    def violations(self) -> Iterator[tuple[str, Finding]]:
        """What must not be, each with the name of its list."""
        for each in fields(self):
            if each.name not in ALLOWED:
                yield from ((each.name, finding) for finding in getattr(self, each.name))

    @property
    def clean(self) -> bool:
        """True when nothing was found that must not be."""
        return next(self.violations(), None) is None

    def __str__(self) -> str:
        lines = []
        for each in fields(self):
            found = getattr(self, each.name)
            lines.append(f"{each.name:>10}  {len(found)}")
            lines += [f"            {finding}" for finding in found]
        return "\n".join(lines)
