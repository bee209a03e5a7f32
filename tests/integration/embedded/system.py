"""A set of embedded servers under a supervisor of its own, for tests that are rough with them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from relaylog.embedded.server import EmbeddedServer
from relaylog.supervisor import Supervisor, child_of


class System:
    """What a supervisor said and reported, beside the supervisor."""

    def __init__(self, data: Path) -> None:
        self.logs = data / "logs"
        self.said: list[str] = []
        self.reported: dict[str, int] = {}
        self.supervisor = Supervisor(self.said.append, self._report)

    def _report(self, pids: dict[str, int]) -> None:
        self.reported = pids

    async def start(self, server: EmbeddedServer) -> None:
        server.prepare(self.said.append)
        await self.supervisor.start(child_of(server, self.logs))


@asynccontextmanager
async def running(data: Path, *servers: EmbeddedServer) -> AsyncIterator[System]:
    """The servers started in order, and stopped at the end."""
    system = System(data)
    try:
        for server in servers:
            await system.start(server)
        yield system
    finally:
        await system.supervisor.stop_all()


async def eventually(check: Callable[[], Awaitable[bool]], seconds: float = 30.0) -> None:
    """Ask again until it holds; TimeoutError if it never does."""
    async with asyncio.timeout(seconds):
        while not await check():
            await asyncio.sleep(0.05)
