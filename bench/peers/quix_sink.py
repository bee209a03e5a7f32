"""Quix Streams with its own PostgreSQL sink: one plain table, a row an event, positions in Kafka each 1,000 events.

Run in the environment of the peers: ``quix_sink.py KAFKA TOPIC POSTGRES COUNT``; prints events a second, from the first
event handled to the last commit.
"""

from __future__ import annotations

import sys
import time
import uuid
from typing import Any
from urllib.parse import unquote, urlsplit

from quixstreams import Application
from quixstreams.sinks.community.postgresql import PostgreSQLSink


def main(kafka: str, topic: str, postgres: str, count: int) -> float:
    """Events a second."""
    address = urlsplit(postgres)
    sink = PostgreSQLSink(
        host=address.hostname or "127.0.0.1",
        port=address.port or 5432,
        dbname=address.path.lstrip("/"),
        user=unquote(address.username or ""),
        password=unquote(address.password or ""),
        table_name="events",
        primary_key_columns="event_id",
        upsert_on_primary_key=True,
        include_metadata=False,
    )
    app = Application(
        broker_address=kafka,
        consumer_group=f"quix-{uuid.uuid4()}",
        auto_offset_reset="earliest",
        auto_create_topics=False,
        commit_every=1000,
        loglevel="ERROR",
    )
    started: list[float] = []

    def row(event: dict[str, Any]) -> dict[str, Any]:
        if not started:
            started.append(time.perf_counter())
        data = event["data"]
        return {
            "event_id": event["id"],
            "tenant_id": event["tenantid"],
            "type": event["type"],
            "time": event["time"],
            "recorded_at": event["recordedtime"],
            "subject": event["subject"],
            "customer": data["customer"],
            "message": data.get("message"),
            "direction": data.get("direction"),
            "kind": data.get("kind"),
            "text": data["personal"].get("content", {}).get("text"),
        }

    app.dataframe(app.topic(topic, value_deserializer="json")).apply(row).sink(sink)
    app.run(count=count, timeout=60)
    return count / (time.perf_counter() - started[0])


if __name__ == "__main__":
    print(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
