"""Faust without a broker: its own bookkeeping of acks and commits, with the broker's answer given by the test."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from unittest.mock import AsyncMock

from faust.events import Event
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from agents.app import build_app
from tests.unit.streams.samples import make_settings

TOPIC = "facts"
TP0 = TP(TOPIC, 0)


async def eventually(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    """Ask until it holds; TimeoutError when it never does."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)


class Offline:
    """Our app, never started: messages are handed in by the test, and what would be committed is kept.

    ``committed`` is where the group stands, as Faust counts: the next offset to read; None for a new group.
    """

    def __init__(self, data_dir: Path, *, committed: int | None = None, broker_accepts: bool = True) -> None:
        # Internals of Faust are what these tests look at, so they go without types.
        self.app = cast(Any, build_app(make_settings(kafka="127.0.0.1:1"), data_dir).app)
        self.consumer = self.app.consumer
        self.app.flow_control.resume()
        self.app.topics._acking_topics.add(TOPIC)
        self.app.producer.flush = AsyncMock()
        self.consumer.assignment = lambda: {TP0}
        self.consumer._commit = AsyncMock(return_value=broker_accepts)
        if committed is not None:
            self.consumer._committed_offset[TP0] = committed

    def deliver(self, offset: int) -> Any:
        """A message that the consumer has handed out and nobody has acked."""
        message = ConsumerMessage(
            topic=TOPIC,
            partition=0,
            offset=offset,
            timestamp=0.0,
            timestamp_type=1,
            headers=None,
            key=None,
            value=b"%d" % offset,
            checksum=None,
            tp=TP0,
            generation_id=self.app.consumer_generation_id,
        )
        self.consumer.track_message(message)
        return message

    async def stream(self, *offsets: int) -> Any:
        """A stream with these messages in its queue, as the conductor puts them there."""
        stream = self.app.stream(self.app.channel())
        for offset in offsets:
            message = self.deliver(offset)
            message.incref()
            await stream.channel.queue.put(Event(self.app, None, message.value, {}, message))
        return stream

    @property
    def acked(self) -> list[int]:
        """Offsets acked and not yet committed."""
        return sorted(self.consumer._acked[TP0])

    async def commit(self) -> int | None:
        """Commit as the timer does; the offset that the broker was told, None when it was told nothing."""
        before = self.consumer._commit.await_count
        await self.consumer.commit()
        if self.consumer._commit.await_count == before:
            return None
        (offsets,) = self.consumer._commit.await_args.args
        return int(offsets[TP0])
