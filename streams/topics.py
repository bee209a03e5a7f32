"""The one table of topics: each with its policy. Provisioning creates and verifies what stands here, nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from streams.settings import Settings

DAY_MS = 24 * 3600 * 1000
MAX_MESSAGE_BYTES = 8 * 1024 * 1024

INTAKE = "intake"
EVENTS = "events"
OUTCOMES = "outcomes"
TENANTS = "tenants"
KEYS = "keys"
DEAD_LETTERS = "dead-letters"
#: Changelog of the sender's rate table; its name is Faust's: `<app id>-<table>-changelog`.
RATES = "sender-rates-changelog"


@dataclass(frozen=True)
class Topic:
    """A topic's policy; ``retention_ms`` -1 keeps for ever; ``partitions`` None means as many as the setting says."""

    name: str
    cleanup: Literal["delete", "compact"] = "delete"
    retention_ms: int = -1
    partitions: int | None = None

    def partition_count(self, settings: Settings) -> int:
        """How many partitions the topic has."""
        return self.partitions or settings.partitions

    def configs(self, settings: Settings) -> dict[str, str]:
        """Topic configuration as the broker names it."""
        return {
            "cleanup.policy": self.cleanup,
            "retention.ms": str(self.retention_ms),
            "message.timestamp.type": "LogAppendTime",
            "segment.ms": str(DAY_MS),
            "max.message.bytes": str(MAX_MESSAGE_BYTES),
            "min.insync.replicas": str(settings.min_insync_replicas),
            "unclean.leader.election.enable": "false",
        }


TOPICS: tuple[Topic, ...] = (
    Topic(INTAKE, retention_ms=7 * DAY_MS),
    Topic(EVENTS),
    Topic(OUTCOMES),
    Topic(TENANTS, cleanup="compact", partitions=1),
    Topic(KEYS, cleanup="compact"),
    Topic(DEAD_LETTERS, retention_ms=90 * DAY_MS),
    Topic(RATES, cleanup="compact"),
)


def topic_name(settings: Settings, name: str) -> str:
    """Full name of a topic of the table."""
    return settings.topic_prefix + name
