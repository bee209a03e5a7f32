"""Kafka, Postgres and Redis of one system: your own where an address is set, embedded ones otherwise."""

from __future__ import annotations

import asyncio

from relaylog.data_folder import DataFolder
from relaylog.embedded.kafka import EmbeddedKafka
from relaylog.embedded.postgres import EmbeddedPostgres
from relaylog.embedded.server import EmbeddedServer, Say
from relaylog.embedded.valkey import EmbeddedValkey
from relaylog.ports import Ports
from streams.settings import InvalidSettings, Settings


class Servers:
    """What is embedded, and the settings that lead every process to it. Raises InvalidSettings for half an address."""

    def __init__(self, own: Settings, folder: DataFolder, ports: Ports) -> None:
        if own.postgres and not own.postgres_query:
            raise InvalidSettings(
                "RELAYLOG_POSTGRES_QUERY: expected an address with the query role, since RELAYLOG_POSTGRES is set"
            )
        self.kafka = (
            None if is_set(own, "kafka") else EmbeddedKafka(folder.path, ports["kafka"], ports["kafka_controller"])
        )
        self.postgres = None if own.postgres else EmbeddedPostgres(folder.path, ports["postgres"])
        self.redis = None if own.redis else EmbeddedValkey(folder.path, ports["redis"])

    @property
    def embedded(self) -> list[EmbeddedServer]:
        """The servers that have to be started."""
        return [server for server in (self.kafka, self.postgres, self.redis) if server is not None]

    def settings(self) -> dict[str, str]:
        """Addresses of the embedded servers, by the name of the setting."""
        addresses: dict[str, str] = {}
        if self.kafka:
            addresses["kafka"] = self.kafka.address
        if self.postgres:
            addresses["postgres"] = self.postgres.address
            addresses["postgres_query"] = self.postgres.query_address
        if self.redis:
            addresses["redis"] = self.redis.address
        return addresses

    async def prepare(self, say: Say) -> None:
        """Fetch programs and lay out folders; what takes long runs side by side. Raises EmbeddedServerError."""
        # Postgres and Valkey keep their passwords in one file, so they take turns.
        small = [server for server in (self.postgres, self.redis) if server is not None]
        await asyncio.gather(
            *(asyncio.to_thread(server.prepare, say) for server in [self.kafka] if server is not None),
            asyncio.to_thread(lambda: [server.prepare(say) for server in small]),
        )


def port_names(own: Settings) -> list[str]:
    """Names of the ports that `up` listens on with these settings."""
    names = ["gateway", "query", "agents", "project", "genesys", "whatsapp"]
    names += [] if is_set(own, "kafka") else ["kafka", "kafka_controller"]
    names += [] if own.postgres else ["postgres"]
    return names + ([] if own.redis else ["redis"])


def is_set(settings: Settings, field: str) -> bool:
    """True when the environment names this setting."""
    return field in settings.model_fields_set
