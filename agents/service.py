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
from agents.hand_over import HandOver
from agents.metrics import SenderMetrics
from agents.post import call_timeout
from agents.rate_rows import RateRows
from agents.rates import RateTable
from agents.remotes import remotes
from agents.sender import Sender
from agents.slots import Slots
from agents.turns import Load, Turns
from schemas.delivery import Delivery, Recent
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
from streams.tailing import TailReader, TopicTail
from streams.topics import EVENTS, OUTCOMES, topic_name

log = logging.getLogger(__name__)

#: Seconds between two writes of the rate table.
WRITE_BEHIND = 1.0
#: Seconds between two looks at the lag.
WATCH = 5.0
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
            rows = RateRows(settings, context.reader, faust_app.rates.data, context.fatal)
            attach(faust_app, settings, sender, rows, context.fatal)
            directory.on_change(sender.tenants_changed)
            progress = Progress()
            health.watch("sender", progress)
            loop = asyncio.get_running_loop()
            tickers = [
                loop.create_task(_start_faust(faust_app, health, context.fatal)),
                loop.create_task(_every(WRITE_BEHIND, lambda: _measure(sender, faust_app, rates), context)),
                loop.create_task(_every(WATCH, lambda: sender.watch(progress), context)),
                loop.create_task(_every(WATCH, _hand_over(settings, faust_app, sender).check, context)),
            ]
            try:
                await _until_stopped(stop, faust_app, failure)
            finally:
                for ticker in tickers:
                    ticker.cancel()
                await rows.stop()
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

    writer, directory, metrics = LogWriter(settings), TenantDirectory(settings, registry), SenderMetrics(registry)
    metrics.topic_partitions.set(settings.partitions)
    with tempfile.TemporaryDirectory(prefix="relaylog-sender-") as data_dir:
        faust_app = build_app(settings, Path(data_dir))
        rates = RateTable(time.monotonic, faust_app.recall)
        async with aiohttp.ClientSession(
            timeout=call_timeout(settings.call_timeout),
            connector=aiohttp.TCPConnector(limit=0),
            # The tenants share hosts: what a platform sets for one of them must not travel with another's calls.
            cookie_jar=aiohttp.DummyCookieJar(),
        ) as session:
            await writer.start()
            await directory.start()
            tail = TopicTail(settings, OUTCOMES)
            link = media_link(settings)

            def planned(fact: Envelope, tenant: Tenant, recent: Recent) -> Delivery | None:
                return plan(fact, tenant, link, recent)

            async def keep(
                record: Record, tenant: str | None, reason: str, attempts: int, context_id: str | None, taken: int
            ) -> None:
                await dead_letter(
                    writer,
                    partition=record.partition,
                    tenant=tenant,
                    value=record.value or b"",
                    reason=reason,
                    origin=f"{topic_name(settings, EVENTS)}/{record.partition}/{record.offset}",
                    handler="sender",
                    attempts=attempts,
                    context_id=context_id,
                    taken=taken,
                )

            def reader(topic: str, partition: int) -> PartitionReader:
                if topic != OUTCOMES:
                    return PartitionReader(settings, topic, partition)
                return TailReader(settings, partition, tail)

            base = f"{settings.whatsapp_url.rstrip('/')}/{settings.whatsapp_version}"
            context = SenderContext(
                settings=settings,
                sender=uuid.uuid4().hex[:12],
                cluster=await cluster_id(settings),
                writer=writer,
                reader=reader,
                tenants=directory,
                remotes=remotes(session, rates, time.monotonic, base, settings.max_media_bytes, metrics),
                plan=planned,
                dead_letter=keep,
                clock=time.monotonic,
                now=lambda: time.time_ns() // 1_000_000,
                draw=random.random,
                crash=CrashPoints(settings.crash_file),
                fatal=fatal,
                in_flight=Slots(settings.calls_in_flight),
                turns=Turns(Load(time.monotonic, time.process_time).is_busy),
                metrics=metrics,
            )
            try:
                yield context, directory, rates, faust_app, failure
            finally:
                await tail.stop()
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


def _hand_over(settings: Settings, faust_app: FaustApp, sender: Sender) -> HandOver:
    return HandOver(settings, lambda: faust_app.assigned(settings), sender.owns, time.monotonic)


async def _measure(sender: Sender, faust_app: FaustApp, rates: RateTable) -> None:
    faust_app.write_behind(rates)
    sender.measure()


async def _every(seconds: float, work: Callable[[], Awaitable[None]], context: SenderContext) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except LogUnavailable as error:
            context.metrics.log_unavailable.inc()
            log.warning("the log did not answer", extra={"reason": str(error)})
        except Exception as error:
            context.fatal(error)
            return


async def _start_faust(faust_app: FaustApp, health: Health, fatal: Callable[[BaseException], None]) -> None:
    """Ready once the first partitions are handed over: Faust's start waits for that, and nobody waits for Faust."""
    try:
        await faust_app.app.start()
    except Exception as error:
        fatal(error)
    else:
        health.serves("sender")


async def _stop_faust(faust_app: FaustApp) -> None:
    stopping = asyncio.ensure_future(faust_app.app.stop())
    # Not wait_for, which waits on for what it has cancelled.
    await asyncio.wait({stopping}, timeout=STOP_LIMIT)
    if stopping.done():
        stopping.result()
    else:
        log.warning("Faust did not stop in time; it holds nothing that matters")
        stopping.cancel()
