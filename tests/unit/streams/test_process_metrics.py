"""The figures that every process has, asked as Prometheus asks."""

import asyncio
import time

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from streams import process_metrics
from streams.health import Health, Progress
from streams.http import add_ops_routes

Client = TestClient[web.Request, web.Application]


def application(health: Health) -> web.Application:
    app = web.Application()
    add_ops_routes(app, health, CollectorRegistry())
    return app


async def figure(client: Client, name: str) -> float:
    text = await (await client.get("/metrics")).text()
    (line,) = (line for line in text.splitlines() if line.startswith(f"{name} "))
    return float(line.split()[1])


async def test_live_and_ready_are_what_the_probes_answer() -> None:
    health, progress = Health("kafka"), Progress(patience=0.0)
    health.watch("sender", progress)
    async with TestClient(TestServer(application(health))) as client:
        assert (await figure(client, "relaylog_live"), await figure(client, "relaylog_ready")) == (1.0, 0.0)
        health.serves("kafka")
        progress.lagging()
        await asyncio.sleep(0.01)
        assert (await figure(client, "relaylog_live"), await figure(client, "relaylog_ready")) == (0.0, 1.0)
        assert (await client.get("/livez")).status == 503


async def test_a_loop_that_is_held_up_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_metrics, "PACE", 0.01)
    async with TestClient(TestServer(application(Health()))) as client:
        await asyncio.sleep(0.05)
        time.sleep(0.5)  # noqa: ASYNC251 - this is what is to be seen
        await asyncio.sleep(0.05)
        assert await figure(client, "relaylog_loop_lag_seconds_count") >= 2
        assert await figure(client, "relaylog_loop_lag_seconds_sum") >= 0.4
