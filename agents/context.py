"""What a sender is made of: every clock, source of randomness, log and platform that it uses is handed in here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

from agents.metrics import SenderMetrics
from agents.remotes import Remote
from agents.slots import Slots
from agents.turns import Turns
from schemas.delivery import Delivery, Recent
from schemas.envelope import Envelope
from schemas.outcomes import Platform
from schemas.tenant import Tenant
from streams.log import Appended, Headers, Record
from streams.settings import Settings


class Writer(Protocol):
    """Appends to the log; see streams.log.LogWriter."""

    async def append(
        self, topic: str, partition: int, value: bytes | None, *, key: bytes | None = None, headers: Headers = ()
    ) -> Appended:
        """Append and wait."""
        ...

    async def enqueue(
        self, topic: str, partition: int, value: bytes | None, *, key: bytes | None = None, headers: Headers = ()
    ) -> asyncio.Future[Any]:
        """Queue in order."""
        ...


class Reader(Protocol):
    """Reads one partition; see streams.log.PartitionReader."""

    async def start(self) -> None:
        """Connect."""
        ...

    async def stop(self) -> None:
        """Disconnect."""
        ...

    def seek(self, offset: int) -> None:
        """Move."""
        ...

    def follow(self, offset: int) -> None:
        """Move for the last time."""
        ...

    async def position(self) -> int:
        """Next offset."""
        ...

    async def start_offset(self) -> int:
        """Oldest offset kept."""
        ...

    async def end_offset(self) -> int:
        """Next offset to be appended."""
        ...

    def highwater(self) -> int | None:
        """End as of the last fetch."""
        ...

    async def offset_at(self, timestamp: int) -> int | None:
        """First offset at or after a time."""
        ...

    async def read(self, max_records: int = 1000, timeout_ms: int = 500) -> list[Record]:
        """Next records."""
        ...


class Tenants(Protocol):
    """Looks tenants up; see streams.directory.TenantDirectory."""

    @property
    def tenants(self) -> Sequence[Tenant]:
        """All tenants."""
        ...

    def by_id(self, tenant_id: str) -> Tenant | None:
        """The tenant with that id."""
        ...


@dataclass(frozen=True)
class SenderContext:
    """The parts of one sender process."""

    settings: Settings
    #: Unique a process start; author of its records.
    sender: str
    cluster: str
    writer: Writer
    #: Makes a reader of (topic, partition).
    reader: Callable[[str, int], Reader]
    tenants: Tenants
    remotes: dict[Platform, Remote]
    plan: Callable[[Envelope, Tenant, Recent], Delivery | None]
    #: Keeps a fact that was given up: (record, tenant, reason, attempts, the platform's id of its last answer, how many
    #: parts were taken).
    dead_letter: Callable[[Record, str | None, str, int, str | None, int], Coroutine[Any, Any, None]]
    #: Monotonic seconds; they run on while the process is stopped.
    clock: Callable[[], float]
    #: Unix milliseconds.
    now: Callable[[], int]
    draw: Callable[[], float]
    crash: Callable[[str], None]
    #: Ends the process: what a task raised cannot be repaired in place, and a crash is safe.
    fatal: Callable[[BaseException], None]
    #: Bounds the calls in flight of the whole process, and shares them.
    in_flight: Slots
    turns: Turns
    metrics: SenderMetrics
    #: Numbers the process's records, so that no two have one id, whichever ownership of a partition wrote them.
    serial: Iterator[int] = field(default_factory=lambda: count(1))

    def is_current(self, tenant: Tenant) -> bool:
        """False once another record of the tenant has taken the place of this one, be it with the same words.

        What a former record could not do says nothing about the one that has taken its place.
        """
        return self.tenants.by_id(tenant.id) is tenant
