"""Embedded Kafka, Postgres and Valkey for a bench run, in a folder that is removed afterwards."""

from __future__ import annotations

import asyncio
import base64
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from pydantic import SecretStr

from relaylog.embedded.kafka import EmbeddedKafka
from relaylog.embedded.ports import free_ports
from relaylog.embedded.postgres import EmbeddedPostgres
from relaylog.embedded.server import EmbeddedServer
from relaylog.embedded.valkey import EmbeddedValkey
from relaylog.supervisor import Supervisor, child_of
from streams.settings import Settings


@dataclass(frozen=True)
class Servers:
    """Where they are."""

    kafka: str
    postgres: EmbeddedPostgres
    redis: str

    async def new_database(self) -> tuple[str, str]:
        """Addresses of the owner and of the query role in an empty database; its former writes are on disk."""
        name = f"bench_{secrets.token_hex(4)}"
        admin = await psycopg.AsyncConnection.connect(self.postgres.superuser_address, autocommit=True)
        async with admin:
            for statement in self.postgres.new_database(name):
                await admin.execute(statement)
            await admin.execute("CHECKPOINT")
        return self.postgres.address_of("relaylog", name), self.postgres.address_of("relaylog_api", name)

    def settings(self, **more: object) -> Settings:
        """Settings of a system on these servers, with topics of its own."""
        return Settings(
            kafka=self.kafka,
            topic_prefix=f"bench-{secrets.token_hex(4)}.",
            partitions=4,
            project_port=0,
            master_key=SecretStr(base64.b64encode(bytes(32)).decode()),
        ).model_copy(update=more)


@asynccontextmanager
async def servers() -> AsyncIterator[Servers]:
    """Started, and stopped at the end of the block."""
    with tempfile.TemporaryDirectory(prefix="relaylog-bench-") as folder:
        data = Path(folder)
        kafka = EmbeddedKafka(data, *free_ports(2))
        postgres = EmbeddedPostgres(data, *free_ports(1))
        valkey = EmbeddedValkey(data, *free_ports(1))
        supervisor = Supervisor(print, lambda _pids: None)
        started: tuple[EmbeddedServer, ...] = (kafka, postgres, valkey)
        try:
            for server in started:
                await asyncio.to_thread(server.prepare, print)
                await supervisor.start(child_of(server, data / "logs"))
            await postgres.provision()
            yield Servers(kafka.address, postgres, valkey.address)
        finally:
            await supervisor.stop_all()
