"""The Faust app: one agent that reads ``events`` and hands each record to the sender, and the table of rates.

Faust's commit carries no meaning here. 0.15.3 commits past events in flight, acks what raised or was cancelled, and
remembers
failed commits; so the agent only admits an event and lets Faust ack it. What was sent is decided by ``outcomes`` alone.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faust
from faust.exceptions import ConsumerNotStarted
from faust.types.auth import CredentialsT

from agents.rate_rows import RateRows
from agents.rates import RateTable
from agents.sender import Sender
from agents.table import Tables
from streams.log import Record
from streams.settings import Settings
from streams.topics import EVENTS, topic_name

#: With the topic prefix in front, Faust's app id and so the consumer group; the changelog in the topic table follows
#: from it.
APP_NAME = "sender"
TABLE_NAME = "rates"
#: Rows that wait to be produced at once. Faust holds up every event while more than 100 records wait.
ROWS_WAITING = 50


@dataclass(frozen=True)
class FaustApp:
    """The app and its table."""

    app: faust.App
    rates: Any

    def assigned(self, settings: Settings) -> set[int]:
        """Partitions of ``events`` that the group has given to this process."""
        name = topic_name(settings, EVENTS)
        try:
            return {tp.partition for tp in self.app.consumer.assignment() if tp.topic == name}
        except ConsumerNotStarted:
            return set()

    def recall(self, name: str) -> dict[str, float] | None:
        """The row of a bucket that the last owner left, once `agents.rate_rows` has read it."""
        row = self.rates.data.get(name)
        return row if isinstance(row, dict) else None

    def write_behind(self, rates: RateTable) -> None:
        """Write buckets that changed, as many as may wait; the others have their turn at the next call.

        Called by a timer, not by the stream, hence the explicit changelog record.
        """
        for partition, name, row in rates.changes(max(0, ROWS_WAITING - self.app.producer.buffer.size)):
            self.rates.data[name] = row
            self.rates.send_changelog(partition, name, row)


def build_app(settings: Settings, data_dir: Path) -> FaustApp:
    """The app with its settings (tried on a real broker.

    The reasons are in docs/sending.md); the agent is added by `attach`.
    """
    app = faust.App(
        settings.topic_prefix + APP_NAME,
        broker=[f"kafka://{address.strip()}" for address in settings.kafka.split(",")],
        broker_credentials=_credentials(settings),
        datadir=str(data_dir),
        store="memory://",
        autodiscover=False,
        web_enabled=False,
        topic_partitions=settings.partitions,
        topic_replication_factor=settings.replication_factor,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        processing_guarantee="at_least_once",
        stream_wait_empty=False,
        stream_buffer_maxsize=128,
        stream_recovery_delay=0.0,
        broker_max_poll_records=500,
        broker_session_timeout=settings.session_timeout,
        broker_heartbeat_interval=1.0,
        broker_rebalance_timeout=15.0,
        broker_request_timeout=30.0,
        broker_commit_interval=1.0,
        consumer_auto_offset_reset="earliest",
        producer_threaded=False,
        TableManager=Tables,
    )
    table = app.Table(TABLE_NAME, partitions=settings.partitions, key_type=str, value_type=None)
    return FaustApp(app, table)


def attach(
    faust_app: FaustApp, settings: Settings, sender: Sender, rows: RateRows, fatal: Callable[[BaseException], None]
) -> None:
    """Connect the stream to the sender, and the rebalances to it and to the rows of the rate table.

    An exception must not leave the agent's loop (Faust would ack the event and go on): it ends the process, which is
    safe.
    """
    app = faust_app.app
    name = topic_name(settings, EVENTS)
    events = app.topic(name, key_serializer="raw", value_serializer="raw")

    async def send(stream: Any) -> None:
        async for event in stream.events():
            try:
                sender.admit(_record(event.message))
            except Exception as error:
                fatal(error)
                return

    app.agent(events, name=f"{settings.topic_prefix}{APP_NAME}.send", concurrency=1)(send)

    async def rebalanced(*_: Any, **__: Any) -> None:
        assigned = faust_app.assigned(settings)
        rows.assign(assigned)
        sender.assign(assigned)

    app.on_rebalance_complete.connect(rebalanced, weak=False)


def _record(message: Any) -> Record:
    headers = message.headers or ()
    pairs = headers.items() if isinstance(headers, dict) else headers
    return Record(
        message.partition, message.offset, round(message.timestamp * 1000), message.key, message.value, list(pairs)
    )


def _credentials(settings: Settings) -> CredentialsT | None:
    secure = settings.kafka_security_protocol.endswith("SSL")
    context = ssl.create_default_context(cafile=settings.kafka_ca_file or None) if secure else None
    if settings.kafka_security_protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=settings.kafka_username,
            password=settings.kafka_password.get_secret_value(),
            ssl_context=context,
            mechanism=settings.kafka_sasl_mechanism,
        )
    return faust.SSLCredentials(context=context) if context else None
