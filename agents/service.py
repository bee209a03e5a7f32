"""Composition root of the process ``agents``: everything that goes out."""

from __future__ import annotations

import asyncio
import logging
import random
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client import CollectorRegistry

from agents.app import FaustApp, attach, build_app
from agents.context import SenderContext
from agents.metrics import SenderMetrics
from agents.rates import RateTable
from agents.remotes import remotes
from agents.sender import Sender
from agents.slots import Slots
from schemas.delivery import Delivery
from schemas.envelope import Envelope
from schemas.errors import RelaylogError
from schemas.planning import plan
from schemas.tenant import Tenant
from streams.crash import CrashPoints
from streams.dead_letters import dead_letter
from streams.directory import TenantDirectory
from streams.health import Health, Progress
from streams.http import process_registry, serve_ops
from streams.log import LogUnavailable, LogWriter, PartitionReader, Record
from streams.media_links import media_link
from streams.provisioning import cluster_id
from streams.settings import Settings
from streams.topics import EVENTS, RATES, topic_name

log = logging.getLogger(__name__)

#: Seconds between two writes of the rate table.
WRITE_BEHIND = 1.0
#: Seconds between two looks at the lag.
WATCH = 5.0
#: So long may Faust take to hand over a partition that the group has assigned.
HAND_OVER_LIMIT = 45.0
#: Faust gets this long to stop; a fault of its own must not keep the process from ending.
STOP_LIMIT = 10.0


class SenderStopped(RelaylogError):
    """The sender ended by itself; what was under way is in the log, and the next start goes on from there."""


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Send until ``stop`` is set. Raises SenderStopped when something failed that only a new start repairs."""
    registry = process_registry()
    health = Health("sender")
    ops = await serve_ops(settings.host, settings.agents_port, health, registry)
    try:
        async with _parts(settings, registry) as (context, directory, rates, faust_app, failure):
            sender = Sender(context, rates)
            attach(faust_app, settings, sender, context.fatal)
            directory.on_change(sender.tenants_changed)
            await faust_app.app.start()
            progress = Progress()
            health.watch("sender", progress)
            loop = asyncio.get_running_loop()
            tickers = [
                loop.create_task(_every(WRITE_BEHIND, lambda: _measure(sender, faust_app, rates), context.fatal)),
                loop.create_task(_every(WATCH, lambda: sender.watch(progress), context.fatal)),
                loop.create_task(_every(WATCH, HandOver(settings, sender, faust_app).check, context.fatal)),
            ]
            health.serves("sender")
            try:
                await _until_stopped(stop, faust_app, failure)
            finally:
                for ticker in tickers:
                    ticker.cancel()
                await sender.stop()
                await _stop_faust(faust_app)
    finally:
        await ops.cleanup()


@asynccontextmanager
async def _parts(
    settings: Settings, registry: CollectorRegistry
) -> AsyncIterator[tuple[SenderContext, TenantDirectory, RateTable, FaustApp, asyncio.Future[None]]]:
    failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def fatal(error: BaseException) -> None:
        if not failure.done():
            log.error("the sender cannot go on", exc_info=error)
            failure.set_exception(error)

    writer, directory = LogWriter(settings), TenantDirectory(settings)
    timeout = aiohttp.ClientTimeout(total=settings.call_timeout)
    with tempfile.TemporaryDirectory(prefix="relaylog-sender-") as data_dir:
        faust_app = build_app(settings, Path(data_dir))
        rates = RateTable(time.monotonic, faust_app.recall)
        async with aiohttp.ClientSession(
            timeout=timeout,
            connector=aiohttp.TCPConnector(limit=0),
            # The tenants share hosts: what a platform sets for one of them must not travel with another's calls.
            cookie_jar=aiohttp.DummyCookieJar(),
        ) as session:
            await writer.start()
            await directory.start()
            link = media_link(settings)

            def planned(fact: Envelope, tenant: Tenant) -> Delivery | None:
                return plan(fact, tenant, link)

            async def keep(record: Record, tenant: str | None, reason: str, attempts: int) -> None:
                await dead_letter(
                    writer,
                    partition=record.partition,
                    tenant=tenant,
                    value=record.value or b"",
                    reason=reason,
                    origin=f"{topic_name(settings, EVENTS)}/{record.partition}/{record.offset}",
                    handler="sender",
                    attempts=attempts,
                )

            base = f"{settings.whatsapp_url.rstrip('/')}/{settings.whatsapp_version}"
            context = SenderContext(
                settings=settings,
                sender=uuid.uuid4().hex[:12],
                cluster=await cluster_id(settings),
                writer=writer,
                reader=lambda topic, partition: PartitionReader(settings, topic, partition),
                tenants=directory,
                remotes=remotes(session, rates, time.monotonic, base, settings.max_media_bytes),
                plan=planned,
                dead_letter=keep,
                clock=time.monotonic,
                now=lambda: time.time_ns() // 1_000_000,
                draw=random.random,
                crash=CrashPoints(settings.crash_file),
                fatal=fatal,
                in_flight=Slots(settings.calls_in_flight),
                metrics=SenderMetrics(registry),
            )
            try:
                yield context, directory, rates, faust_app, failure
            finally:
                await directory.stop()
                await writer.stop()


async def _until_stopped(stop: asyncio.Event, faust_app: FaustApp, failure: asyncio.Future[None]) -> None:
    loop = asyncio.get_running_loop()
    asked: asyncio.Future[Any] = loop.create_task(stop.wait())
    crashed: asyncio.Future[Any] = asyncio.ensure_future(faust_app.app.wait_until_stopped())
    try:
        await asyncio.wait({asked, crashed, failure}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        asked.cancel()
        crashed.cancel()
    if failure.done() and (error := failure.exception()) is not None:
        raise SenderStopped(f"the sender cannot go on: {error}") from error
    if not stop.is_set():
        raise SenderStopped(f"Faust stopped by itself: {faust_app.app.crash_reason!r}")


class HandOver:
    """Sees to it that Faust hands over what the group has assigned.

    After a rebalance it first recovers its table, and 0.15.3 can wait there for ever; a new start of the process helps.
    """

    def __init__(self, settings: Settings, sender: Sender, faust_app: FaustApp) -> None:
        self._settings = settings
        self._sender = sender
        self._faust_app = faust_app
        self._waiting_since: float | None = None

    async def check(self) -> None:
        """Raises SenderStopped when a partition has been assigned for HAND_OVER_LIMIT seconds without an owner here."""
        missing = sorted(n for n in self._faust_app.assigned(self._settings) if not self._sender.owns(n))
        if not missing:
            self._waiting_since = None
            return
        now = time.monotonic()
        self._waiting_since = self._waiting_since or now
        if now - self._waiting_since > HAND_OVER_LIMIT:
            changelog = topic_name(self._settings, RATES)
            raise SenderStopped(
                f"Faust has not handed over partitions {missing} for {HAND_OVER_LIMIT:.0f} s: the recovery of its "
                f"table is stuck; should a new start not help, delete the topic {changelog} and run "
                "`relaylog topics provision` (harmless: rates are then learnt anew)"
            )


async def _measure(sender: Sender, faust_app: FaustApp, rates: RateTable) -> None:
    faust_app.write_behind(rates)
    sender.measure()


async def _every(seconds: float, work: Callable[[], Awaitable[None]], fatal: Callable[[BaseException], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except LogUnavailable as error:
            log.warning("the log did not answer", extra={"reason": str(error)})
        except Exception as error:
            fatal(error)
            return


async def _stop_faust(faust_app: FaustApp) -> None:
    try:
        await asyncio.wait_for(faust_app.app.stop(), STOP_LIMIT)
    except TimeoutError:
        log.warning("Faust did not stop in time; it holds nothing that matters")
