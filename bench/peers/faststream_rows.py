"""A consumer as commonly written: FastStream, a pydantic model, one upsert and one commit an event.

Run in the environment of the peers: ``faststream_rows.py KAFKA TOPIC POSTGRES COUNT``; prints events a second, from the
first event handled to the last commit.
"""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from typing import Any

import psycopg
from faststream.kafka import KafkaBroker
from pydantic import BaseModel

_TABLE = """
CREATE TABLE message (tenant_id text, message_id uuid, subject text, direction text, kind text, body text,
    at timestamptz, rank integer NOT NULL DEFAULT 0, PRIMARY KEY (tenant_id, message_id))
"""
_UPSERT = """
INSERT INTO message AS m VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (tenant_id, message_id) DO UPDATE SET
    direction = coalesce(m.direction, excluded.direction), kind = coalesce(m.kind, excluded.kind),
    body = coalesce(m.body, excluded.body), at = coalesce(m.at, excluded.at), rank = greatest(m.rank, excluded.rank)
"""
_RANKS = {"status.sent": 1, "status.delivered": 2, "status.read": 3}


class Event(BaseModel):
    """The envelope, as far as it is used."""

    id: uuid.UUID
    type: str
    time: str
    tenantid: str
    subject: str
    data: dict[str, Any]


async def main(kafka: str, topic: str, postgres: str, count: int) -> float:
    """Events a second."""
    broker = KafkaBroker(kafka, logger=None)
    done, started, handled = asyncio.Event(), 0.0, 0
    connection = await psycopg.AsyncConnection.connect(postgres)
    await connection.execute(_TABLE)
    await connection.commit()

    @broker.subscriber(topic, group_id=f"faststream-{uuid.uuid4()}", auto_offset_reset="earliest")
    async def handle(event: Event) -> None:
        nonlocal started, handled
        started = started or time.perf_counter()
        data = event.data
        text = data["personal"].get("content", {}).get("text")
        await connection.execute(
            _UPSERT,
            [
                *(
                    event.tenantid,
                    data.get("message") or event.id,
                    event.subject,
                    data.get("direction"),
                    data.get("kind"),
                ),
                *(text, event.time, _RANKS.get(event.type, 0)),
            ],
        )
        await connection.commit()
        handled += 1
        if handled == count:
            done.set()

    async with broker:
        await broker.start()
        await asyncio.wait_for(done.wait(), 240)
        seconds = time.perf_counter() - started
    await connection.close()
    return count / seconds


if __name__ == "__main__":
    print(asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))))
