"""The directory of tenants: the `tenants` topic in memory, read to its end before use and followed from then on."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence

from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry, Counter, Gauge

from schemas.errors import InvalidInput
from schemas.tenant import Channel, ProduceKey, Tenant, WhatsAppApp
from streams.backoff import patiently
from streams.log import LogUnavailable, PartitionReader, Record
from streams.secrets import Cipher, decode_tenant
from streams.settings import Settings
from streams.tenant_index import AppSecrets, TenantIndex, build_index
from streams.topics import TENANTS

logger = logging.getLogger(__name__)

#: Called with the ids of the tenants that were registered, changed or removed.
OnChange = Callable[[frozenset[str]], None]


class TenantDirectory:
    """All tenants by every name they have; look-ups are immediate and answer from the last change read.

    A record that cannot be read keeps its tenant's previous version and is listed in ``unreadable`` until a good one
    follows.
    """

    def __init__(self, settings: Settings, registry: CollectorRegistry | None = None) -> None:
        self._cipher = Cipher(settings.master_key_bytes)
        self._reader = PartitionReader(settings, TENANTS, 0)
        self._index = TenantIndex()
        self._callbacks: list[OnChange] = []
        self._tail: asyncio.Task[None] | None = None
        #: What is wrong with the newest record of a tenant, by tenant id.
        self.unreadable: dict[str, str] = {}
        #: True once the topic has been read to its end.
        self.ready = False
        self._failures = Counter(
            "relaylog_tenant_records_unreadable_total", "records of the tenants topic not read", registry=registry
        )
        self._count = Gauge("relaylog_tenants", "tenants known to this process", registry=registry)

    async def start(self) -> None:
        """Read the topic to its end, then follow it in the background. Raises LogUnavailable when no broker answers."""
        await self._reader.start()
        try:
            await self._load()
        except KafkaError as error:
            await self._reader.stop()
            raise LogUnavailable(f"the tenants cannot be read: {error!r}") from error
        self.ready = True
        self._tail = asyncio.create_task(self._follow(), name="tenant directory")

    async def stop(self) -> None:
        """Stop following; look-ups go on answering from what was read."""
        if self._tail is not None:
            self._tail.cancel()
            await asyncio.gather(self._tail, return_exceptions=True)
            self._tail = None
        await self._reader.stop()

    def on_change(self, callback: OnChange) -> None:
        """Have ``callback`` called, in the loop, after each change has become visible to look-ups."""
        self._callbacks.append(callback)

    def __iter__(self) -> Iterator[Tenant]:
        return iter(self.tenants)

    @property
    def tenants(self) -> Sequence[Tenant]:
        """All tenants, in order of their ids."""
        return [self._index.by_id[id] for id in sorted(self._index.by_id)]

    def by_id(self, tenant_id: str) -> Tenant | None:
        """The tenant of that id."""
        return self._index.by_id.get(tenant_id)

    def apps(self, name: str) -> list[tuple[Tenant, WhatsAppApp]]:
        """Every tenant that uses the Meta app, with its registration of it."""
        return self._index.by_app.get(name, [])

    def app_secrets(self, name: str) -> AppSecrets | None:
        """What the webhooks of a Meta app are checked with; None for an unknown app."""
        return self._index.secrets_by_app.get(name)

    def by_number(self, app: str, phone_number_id: str) -> tuple[Tenant, Channel] | None:
        """Who has the WhatsApp number under that very app."""
        return self._index.by_number.get((app, phone_number_id))

    def by_waba(self, app: str, waba_id: str) -> list[Tenant]:
        """Every tenant with a number of that WhatsApp Business Account under that very app."""
        return self._index.by_waba.get((app, waba_id), [])

    def by_integration(self, integration_id: str) -> tuple[Tenant, Channel] | None:
        """Who has the Genesys integration."""
        return self._index.by_integration.get(integration_id)

    def by_produce_key(self, key_id: str) -> tuple[Tenant, ProduceKey] | None:
        """Whose produce key that is."""
        return self._index.by_produce_key.get(key_id)

    def by_api_key(self, bearer: str) -> Tenant | None:
        """Whose API key was presented; only its SHA-256 is known here."""
        return self._index.by_api_key.get(hashlib.sha256(bearer.encode()).hexdigest())

    async def _load(self) -> None:
        start, end = await self._reader.start_offset(), await self._reader.end_offset()
        self._apply([record async for record in self._reader.read_range(start, end)])
        self._reader.seek(end)

    async def _follow(self) -> None:
        while True:
            self._apply(await patiently(self._reader.read))

    def _apply(self, records: Iterable[Record]) -> None:
        tenants = dict(self._index.by_id)
        changed = frozenset(filter(None, [self._fold(tenants, record) for record in records]))
        if changed:
            self._index = build_index(tenants)
            self._count.set(len(tenants))
            for callback in self._callbacks:
                self._tell(callback, changed)

    def _tell(self, callback: OnChange, changed: frozenset[str]) -> None:
        # Whoever is told may fail; the directory must go on being followed.
        try:
            callback(changed)
        except Exception:
            logger.exception("a listener failed on the change of %s", sorted(changed))

    def _fold(self, tenants: dict[str, Tenant], record: Record) -> str | None:
        """Apply one record; the id of the tenant that it changed."""
        key = (record.key or b"").decode(errors="replace")
        if record.value is None:
            self.unreadable.pop(key, None)
            return key if tenants.pop(key, None) else None
        try:
            tenant = decode_tenant(record.value, self._cipher)
            if tenant.id != key:
                raise InvalidInput("id", f"the record's key {key!r}")
        except InvalidInput as error:
            self._failures.inc()
            self.unreadable[key] = str(error)
            logger.error("tenant %s at offset %d: %s; its previous version stays", key, record.offset, error)
            return None
        self.unreadable.pop(key, None)
        tenants[key] = tenant
        return key


async def read_directory(settings: Settings) -> TenantDirectory:
    """A directory read to its end and not followed, for tools. Raises LogUnavailable."""
    directory = TenantDirectory(settings)
    try:
        await directory.start()
    finally:
        await directory.stop()
    return directory
