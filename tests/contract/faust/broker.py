"""Our app and agent on a real broker, with a sender that only notes what it is told."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

from agents.app import FaustApp, attach, build_app
from agents.rate_rows import RateRows
from agents.sender import Sender
from streams.log import PartitionReader, Record
from streams.settings import Settings


@dataclass
class NotingSender:
    """What Faust called, in order; raises where ``refuses`` says so."""

    refuses: Callable[[Record], bool] = lambda _: False
    calls: list[tuple[str, Any]] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)

    def admit(self, record: Record) -> None:
        self.calls.append(("admit", record))
        if self.refuses(record):
            raise ValueError("cannot be admitted")

    def assign(self, partitions: Iterable[int]) -> None:
        self.calls.append(("assign", frozenset(partitions)))

    @property
    def admitted(self) -> list[Record]:
        return [value for name, value in self.calls if name == "admit"]

    @property
    def assigned(self) -> frozenset[int]:
        """The newest assignment."""
        return next((value for name, value in reversed(self.calls) if name == "assign"), frozenset())


@asynccontextmanager
async def running(
    settings: Settings, connect: Callable[[FaustApp], None], *, recovers: bool = True
) -> AsyncIterator[FaustApp]:
    """The app of `agents.app` with what ``connect`` adds to it before it starts.

    ``recovers`` False: it will not, and for that its start would wait.
    """
    with tempfile.TemporaryDirectory() as data_dir:
        faust_app = build_app(settings, Path(data_dir))
        connect(faust_app)
        starting = asyncio.create_task(faust_app.app.start())
        try:
            if recovers:
                await starting
            yield faust_app
        finally:
            starting.cancel()
            await asyncio.wait_for(faust_app.app.stop(), 30)


@asynccontextmanager
async def sending(settings: Settings, sender: NotingSender, *, recovers: bool = True) -> AsyncIterator[FaustApp]:
    """The app with the agent of `agents.app`, as in the process ``agents``."""
    rows: list[RateRows] = []

    def connect(faust_app: FaustApp) -> None:
        fatal = sender.failures.append
        rows.append(RateRows(settings, partial(PartitionReader, settings), faust_app.rates.data, fatal))
        attach(faust_app, settings, cast(Sender, sender), rows[0], fatal)

    async with running(settings, connect, recovers=recovers) as faust_app:
        try:
            yield faust_app
        finally:
            await rows[0].stop()
