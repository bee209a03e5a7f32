"""What the sender is measured against: a Faust agent as tutorials write it, which awaits httpx for each event."""

from __future__ import annotations

import sys
from typing import Any

import faust
import httpx


def textbook(broker: str, topic: str, group: str, url: str, partitions: int, datadir: str) -> faust.App:
    """One app, one topic, one agent, one HTTP client; each event is posted and awaited before the next."""
    app = faust.App(
        group,
        broker=f"kafka://{broker}",
        datadir=datadir,
        topic_partitions=partitions,
        topic_disable_leader=True,
        value_serializer="json",
        web_enabled=False,
    )
    events = app.topic(topic)
    client = httpx.AsyncClient(base_url=url, headers={"Authorization": "Bearer stub"}, timeout=10.0)

    @app.agent(events)
    async def forward(stream: Any) -> None:
        async for event in stream:
            response = await client.post(
                f"/api/v2/conversations/messages/textbook-{event['tenantid']}/inbound/open/message",
                json={"channel": {"messageId": event["id"]}, "text": event["data"]["personal"]["content"]["text"]},
            )
            response.raise_for_status()

    return app


def main() -> None:
    """``python -m bench.textbook_agent BROKER TOPIC GROUP URL PARTITIONS DATADIR``, until it is ended."""
    broker, topic, group, url, partitions, datadir = sys.argv[1:]
    app = textbook(broker, topic, group, url, int(partitions), datadir)
    faust.Worker(app, loglevel="warning").execute_from_commandline()


if __name__ == "__main__":
    main()
