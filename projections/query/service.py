"""Composition root of the process `query`."""

from __future__ import annotations

import asyncio
import time

from projections.database import query_login
from projections.query.analytics import Analytics
from projections.query.app import query_app
from projections.query.cache import CacheMetrics, CacheReader
from projections.query.contexts import Contexts
from projections.query.customers import Customers
from projections.query.desks import Desks
from projections.query.facts import FactLog
from projections.query.past import Past
from projections.query.routes import Routes
from projections.query.tables import Tables, connection_pool
from schemas.envelope import time_of_milliseconds
from streams.backoff import patiently
from streams.directory import TenantDirectory
from streams.health import Health
from streams.http import process_registry, serve_app
from streams.settings import Settings


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Answer until ``stop``; ready once the tenants have been read. Raises InvalidSettings."""
    query_login(settings)
    registry = process_registry()
    health = Health("tenants")
    directory = TenantDirectory(settings, registry)
    pool = connection_pool(settings)
    tables = Tables(pool)
    cache = CacheReader(settings, tables.cache_epoch, metrics=CacheMetrics(registry)) if settings.redis else None
    log = FactLog(settings)
    table = [
        *Routes(tables, cache).table(),
        *Customers(tables).table(),
        *Analytics(tables).table(),
        *Contexts(tables, directory, log, _now).table(),
        *Desks(tables).table(),
        *Past(tables).table(),
    ]
    app = query_app(table, directory, settings.operator_key.get_secret_value(), health, registry)
    runner = await serve_app(app, settings.host, settings.query_port)
    following: list[asyncio.Task[None]] = []
    try:
        await pool.open(wait=False)
        if cache is not None:
            following.append(asyncio.create_task(cache.follow(), name="cache epoch"))
        following.append(asyncio.create_task(_read_tenants(directory, health), name="tenants"))
        await stop.wait()
    finally:
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)
        await runner.cleanup()
        await log.stop()
        await directory.stop()
        if cache is not None:
            await cache.close()
        await pool.close()


def _now() -> str:
    return time_of_milliseconds(time.time_ns() // 1_000_000)


async def _read_tenants(directory: TenantDirectory, health: Health) -> None:
    await patiently(directory.start)
    health.serves("tenants")
