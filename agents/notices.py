"""While Genesys is away: who waits, told once a thread and outage, where the tenant wants that."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agents.circuit import Verdict
from agents.context import Reader
from agents.facts import Fact
from agents.ledger import Destination as Key
from schemas.envelope import Envelope, decode, encode, time_of_milliseconds
from schemas.errors import UndecodableRecord, UnknownEventVersion
from schemas.notices import SOURCE, outage_notice
from schemas.outcomes import OutageTold
from schemas.tenant import Tenant
from streams.log import LogUnavailable, OffsetGone, Record, settled
from streams.topics import EVENTS

if TYPE_CHECKING:
    from agents.partition import PartitionSender

log = logging.getLogger(__name__)

#: Seconds between two looks.
PACE = 1.0
#: Seconds between two looks at whether a record has been read back.
READ_BACK_PACE = 0.02
#: Milliseconds after which a look at who waits counts no longer: the process may have been stopped meanwhile.
FRESH_MS = 3_000
BATCH = 500
#: So many threads an outage are kept in memory; further ones are not told.
THREADS = 10_000
#: Circuits open for these reasons mean an outage; others mean that our own side is not in order.
OUTAGES = frozenset({Verdict.TRANSPORT.value, Verdict.SERVER.value})


@dataclass(slots=True)
class _Outage:
    """One destination while its platform is away."""

    #: Next offset of ``events`` to be read for it.
    position: int
    #: First unfinished message of each thread that has not been told, in the order of the log.
    waiting: dict[str, tuple[Record, Envelope]] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)

    @property
    def has_room(self) -> bool:
        return len(self.waiting) + len(self.told) < THREADS

    def heard_told(self, thread: str) -> None:
        """A notice to the thread stands in the log. Once all room is for the told, nobody further is told at all."""
        self.waiting.pop(thread, None)
        if not self.has_room and self.waiting:
            self.waiting.popitem()
        if self.has_room:
            self.told.add(thread)


class Notices:
    """One partition's. It has a reader of its own, as long as somebody is away who wants customers to be told.

    Who waits is read from the log, not from memory, which holds only a few probes of such a destination. Who was told
    is read from there as well, from the first notice of the outage on: that place stands in ``outcomes`` until a call
    is accepted again. So neither a takeover nor a circuit that closes for a moment tells anybody twice.
    """

    def __init__(self, partition: PartitionSender) -> None:
        self._partition = partition
        self._context = partition.context
        self._outages: dict[Key, _Outage] = {}
        #: Ids of the newest notices: a circuit that closes and opens again does not append them anew.
        self._appended: dict[str, None] = {}
        self._reader: Reader | None = None

    async def run(self) -> None:
        """Watch until cancelled; while no broker answers, nobody is told."""
        try:
            while True:
                await asyncio.sleep(PACE)
                try:
                    await self._turn()
                except (LogUnavailable, OffsetGone) as error:
                    log.warning("notices wait for Kafka", extra={"reason": str(error)})
        finally:
            await self._close_reader()

    async def _turn(self) -> None:
        tenants = self._tenants_in_outage()
        for key in self._outages.keys() - tenants.keys():
            del self._outages[key]
        if not tenants:
            await self._close_reader()
            return
        for key in tenants.keys() - self._outages.keys():
            cursor = self._partition.destinations[key].cursor(self._partition.live.expected)
            self._outages[key] = _Outage(min(cursor, self._partition.ledger.told.get(key, cursor)))
        await self._read_on()
        for key, tenant in tenants.items():
            await self._tell(key, self._outages[key], tenant)

    def _tenants_in_outage(self) -> dict[Key, Tenant]:
        found = {}
        for key, destination in self._partition.destinations.items():
            if key[1] != "genesys" or destination.circuit.reason not in OUTAGES:
                continue
            tenant = self._context.tenants.by_id(key[0])
            if tenant is not None and tenant.outage_notice and not self._partition.obstacle(key):
                found[key] = tenant
        return found

    async def _read_on(self) -> None:
        reader = await self._open_reader()
        end = await reader.end_offset()
        position = max(min(outage.position for outage in self._outages.values()), await reader.start_offset())
        reader.seek(position)
        while position < end and (records := await reader.read(max_records=BATCH, timeout_ms=500)):
            for record in records:
                await self._note(record)
            position = records[-1].offset + 1
            for outage in self._outages.values():
                outage.position = max(outage.position, position)
            await asyncio.sleep(0)

    async def _note(self, record: Record) -> None:
        type_ = record.header("type")
        if type_ not in (b"message.received", b"message.composed") or record.key is None:
            return
        key: Key = (record.key.decode(errors="replace"), "genesys")
        outage = self._outages.get(key)
        if outage is None or record.offset < outage.position:
            return
        try:
            event = decode(record.value)
        except UndecodableRecord:
            return
        if type_ == b"message.received":
            await self._note_waiting(key, outage, record, event)
        elif event.source == SOURCE and event.subject is not None:
            outage.heard_told(event.subject)

    async def _note_waiting(self, key: Key, outage: _Outage, record: Record, event: Envelope) -> None:
        thread = event.subject
        if thread is None or thread in outage.waiting or thread in outage.told or not outage.has_room:
            return
        if self._waits(key, record) and not await self._is_copy(record, event):
            outage.waiting[thread] = (record, event)

    async def _is_copy(self, record: Record, event: Envelope) -> bool:
        """True when an earlier record holds the same message; the log is searched where the live window cannot tell."""
        window, sweep = self._partition.live.window, self._partition.sweep
        fact = Fact(record, event, (event.id,), None)
        is_late = fact.appended_late(round(self._context.settings.duplicate_window * 1000))
        if window is not None and window.covers(record.offset) and not is_late:
            return window.is_copy(record.offset, fact.keys)
        return sweep is not None and await sweep.late_copies.is_copy(fact)

    def _waits(self, key: Key, record: Record) -> bool:
        partition = self._partition
        cursor = partition.destinations[key].cursor(partition.live.expected)
        return record.offset >= cursor and not partition.ledger.is_finished(key, record.offset)

    async def _tell(self, key: Key, outage: _Outage, tenant: Tenant) -> None:
        after, now = round(self._context.settings.outage_notice_after * 1000), self._context.now()
        due = {t: waiting for t, waiting in outage.waiting.items() if waiting[0].timestamp + after <= now}
        if not due or not await self._knows_the_log(key, outage.position):
            return
        for thread, (record, event) in due.items():
            if self._context.now() - now > FRESH_MS:
                return
            if self._waits(key, record):
                await self._append(event, tenant, record.timestamp + after, now)
            if outage.waiting.pop(thread, None):
                outage.told.add(thread)

    async def _knows_the_log(self, key: Key, position: int) -> bool:
        """Say since when customers are told, and read that back: all that ended before is known then.

        False when the partition is lost: whoever was stopped meanwhile must not tell what was true before.
        """
        partition = self._partition
        told = OutageTold(platform=key[1], position=partition.ledger.told.get(key, position))
        _, appended = await partition.outcomes.enqueue("destination.outage_told", told, tenant=key[0])
        offset = (await settled(appended)).offset
        while partition.ledger.as_of <= offset and not partition.is_closed():
            await asyncio.sleep(READ_BACK_PACE)
        return not partition.is_closed() and partition.ledger.owner == partition.term

    async def _append(self, waiting: Envelope, tenant: Tenant, due: int, decided: int) -> None:
        text, time, recorded = tenant.outage_notice or "", time_of_milliseconds(due), time_of_milliseconds(decided)
        try:
            notice = outage_notice(waiting, text, time, recorded)
        except (UndecodableRecord, UnknownEventVersion):
            return
        if notice.id in self._appended:
            return
        headers = (("type", notice.type.encode()), ("id", notice.id.encode()))
        value, writer = encode(notice), self._context.writer
        await writer.append(EVENTS, self._partition.number, value, key=tenant.id.encode(), headers=headers)
        self._context.metrics.notices.inc()
        self._appended[notice.id] = None
        if len(self._appended) > THREADS:
            del self._appended[next(iter(self._appended))]

    async def _open_reader(self) -> Reader:
        if self._reader is None:
            self._reader = self._context.reader(EVENTS, self._partition.number)
            await self._reader.start()
        return self._reader

    async def _close_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.stop()
