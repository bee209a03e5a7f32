"""Gateway: webhooks a second beside a bare handler that checks the same signature and appends the same body."""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import aiohttp
import msgspec
import psutil

from bench.figures import Figure, alternate, figure
from bench.webhook_load import Answered, Load
from relaylog.embedded.command import Command
from relaylog.embedded.kafka import EmbeddedKafka
from relaylog.embedded.ports import free_ports
from relaylog.supervisor import Child, Supervisor, child_of
from schemas.tenant import Tenant
from streams.log import LogWriter, partition_reader
from streams.provisioning import provision
from streams.registration import TenantDraft, register_tenant
from streams.settings import Settings
from streams.topics import EVENTS

ROUNDS = 9
SECONDS = 3.0
WARM_UP_SECONDS = 3.0
APP = "bench"
GATEWAY, BARE = "gateway", "bare handler"


@dataclass(frozen=True)
class Bench:
    """Both servers, running, and what they are called with."""

    settings: Settings
    tenant: Tenant
    supervisor: Supervisor
    ports: dict[str, int]

    async def rate(self, server: str, seconds: float = SECONDS) -> float:
        """Webhooks a second of one server while the other idles.

        Raises RuntimeError when what was accepted is not in the log.
        """
        process = psutil.Process(self.supervisor.pids[server])
        cpu, end = _cpu_seconds(process), await self._end_of_log()
        answered = await _post(self._load(server, seconds))
        appended = await self._end_of_log() - end
        if appended != answered.requests:
            raise RuntimeError(f"{server}: {answered.requests} webhooks accepted, {appended} records in the log")
        cpu_us = (_cpu_seconds(process) - cpu) / answered.requests * 1e6
        print(f"    {server}: {answered.median_ms:.1f} ms, p99 {answered.p99_ms:.1f} ms, {cpu_us:.0f} us of CPU each")
        return answered.requests / answered.seconds

    def _load(self, server: str, seconds: float) -> Load:
        channel = self.tenant.channels[0]
        return Load(
            port=self.ports[server],
            path=f"/webhooks/whatsapp/{APP}",
            secret=self.tenant.apps[0].app_secret.get_secret_value(),
            waba_id=channel.waba_id,
            phone_number_id=channel.phone_number_id,
            run=secrets.token_hex(4),
            seconds=seconds,
        )

    async def _end_of_log(self) -> int:
        async with partition_reader(self.settings, EVENTS, self.tenant.partition) as reader:
            return await reader.end_offset()


async def run() -> Figure:
    """Both servers by turns, after a warm-up of each."""
    async with _bench() as bench:
        for server in (GATEWAY, BARE):
            await bench.rate(server, WARM_UP_SECONDS)
        rates = await alternate({name: partial(bench.rate, name) for name in (GATEWAY, BARE)}, ROUNDS)
    return figure("gateway", rates[GATEWAY], rates[BARE])


@asynccontextmanager
async def _bench() -> AsyncIterator[Bench]:
    """Kafka, topics, one tenant, and both servers as processes of their own; nothing is left afterwards."""
    supervisor = Supervisor(print, lambda _pids: None)
    async with AsyncExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="relaylog-bench-")))
        stack.push_async_callback(supervisor.stop_all)
        broker_port, controller_port, gateway_port, bare_port = free_ports(4)
        kafka = EmbeddedKafka(data, broker_port, controller_port)
        await asyncio.to_thread(kafka.prepare, print)
        await supervisor.start(child_of(kafka, data))
        environment = {
            "RELAYLOG_KAFKA": kafka.address,
            "RELAYLOG_MASTER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        }
        settings = Settings.model_validate({key.removeprefix("RELAYLOG_").lower(): v for key, v in environment.items()})
        tenant = await _registered(settings)
        secret, partition = tenant.apps[0].app_secret.get_secret_value(), str(tenant.partition)
        for name, port, module in (
            (GATEWAY, gateway_port, ("relaylog", "gateway")),
            (BARE, bare_port, ("bench.bare_handler", secret, partition)),
        ):
            await supervisor.start(_server(name, port, module, environment, data))
        yield Bench(settings, tenant, supervisor, {GATEWAY: gateway_port, BARE: bare_port})


async def _registered(settings: Settings) -> Tenant:
    await provision(settings)
    draft = {
        "id": "bench",
        "apps": [{"name": APP, "app_secret": secrets.token_hex(16), "verify_token": "unused"}],
        "channels": [
            {
                "phone_number_id": "106540352242922",
                "waba_id": "102290129340398",
                "app": APP,
                "access_token": "unused",
                "integration_id": "integration",
                "webhook_secret": secrets.token_hex(16),
            }
        ],
        "genesys": {
            "login_url": "https://login.example",
            "api_url": "https://api.example",
            "clients": [{"client_id": "unused", "client_secret": "unused"}],
        },
    }
    writer = LogWriter(settings)
    await writer.start()
    try:
        return await register_tenant(settings, writer, TenantDraft.model_validate(draft))
    finally:
        await writer.stop()


def _server(name: str, port: int, module: tuple[str, ...], environment: dict[str, str], logs: Path) -> Child:
    async def ready() -> bool:
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://127.0.0.1:{port}/readyz") as response,
            ):
                return response.status == 200
        except aiohttp.ClientConnectionError:
            return False

    env = dict(os.environ) | environment | {"RELAYLOG_GATEWAY_PORT": str(port)}
    command = Command(argv=(sys.executable, "-m", *module), env=env)
    return Child(name=name, command=lambda: command, ready=ready, log=logs / f"{name}.log")


async def _post(load: Load) -> Answered:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.webhook_load", msgspec.json.encode(load).decode()),
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"the load generator ended with status {process.returncode}")
    return msgspec.json.decode(printed, type=Answered)


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def main() -> None:
    """``python -m bench.gateway``: measure and save."""
    result = asyncio.run(run())
    result.save()
    print(result)


if __name__ == "__main__":
    main()
