"""Starts child processes, brings back those that die, and stops them in reverse order."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals

from relaylog.embedded.command import Command
from relaylog.embedded.server import EmbeddedServer, Say

_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.5, 15.0
#: A child that lived this long was healthy: its next death is answered with the first backoff again.
_HEALTHY_SECONDS = 30.0
_PROBE_INTERVAL = 0.1
_LOG_BYTES = 5 * 1024 * 1024
_TAIL_LINES = 20


class ChildFailed(Exception):
    """A child ended, or was not ready in time, at its first start; the message holds the tail of its log."""


@dataclass(frozen=True, kw_only=True)
class Child:
    """A process to keep alive."""

    name: str
    #: Asked again at each start, so that a restart sees what has changed.
    command: Callable[[], Command]
    #: One probe: whether it serves now.
    ready: Callable[[], Awaitable[bool]]
    log: Path
    stop_signal: Signals = SIGTERM
    ready_timeout: float = 60.0


def child_of(server: EmbeddedServer, log_folder: Path) -> Child:
    """An embedded server as a child; its `prepare` must have been called."""
    return Child(
        name=server.name,
        command=server.command,
        ready=server.ready,
        log=log_folder / f"{server.name}.log",
        stop_signal=server.stop_signal,
    )


@dataclass
class _Running:
    child: Child
    process: asyncio.subprocess.Process
    log_start: int
    started_at: float
    keeper: asyncio.Task[None] | None = None


class Supervisor:
    """Children by name. Each runs in a session of its own, so a Ctrl-C in the terminal reaches the supervisor only.

    The kernel ends the children when the thread that runs this supervisor's loop is gone.
    `on_change` gets the process ids by name after each start, restart and stop.
    """

    def __init__(self, say: Say, on_change: Callable[[dict[str, int]], None]) -> None:
        self._say, self._on_change = say, on_change
        self._running: dict[str, _Running] = {}

    @property
    def pids(self) -> dict[str, int]:
        """Process ids in the order of the starts; of a child that is being restarted, still the last one."""
        return {name: running.process.pid for name, running in self._running.items()}

    async def start(self, child: Child) -> None:
        """Start it and wait until it is ready; from then on it is kept alive. Raises ChildFailed, nothing left over."""
        if child.name in self._running:
            raise ValueError(f"{child.name} is running already")
        running = await self._spawn(child)
        self._running[child.name] = running
        try:
            problem = await self._until_ready(running)
            if problem:
                raise ChildFailed(f"{child.name} {problem}; the end of {child.log}:\n{_tail(running)}")
        except BaseException:
            del self._running[child.name]
            await _end(running, SIGKILL, 0)
            raise
        running.keeper = asyncio.create_task(self._keep(running), name=f"keep {child.name}")
        self._on_change(self.pids)

    async def stop(self, name: str, timeout: float = 15.0) -> None:
        """Stop one child for good: its stop signal, then SIGKILL after `timeout` seconds."""
        running = self._running.pop(name)
        if running.keeper:
            running.keeper.cancel()
            with suppress(asyncio.CancelledError):
                await running.keeper
        await _end(running, running.child.stop_signal, timeout)
        self._on_change(self.pids)

    async def stop_all(self, timeout: float = 15.0) -> None:
        """Stop every child, the last started first, one after the other, each within `timeout` seconds."""
        for name in reversed(list(self._running)):
            await self.stop(name, timeout)

    async def _spawn(self, child: Child) -> _Running:
        command = child.command()
        _rotate(child.log)
        with child.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *command.launched(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=command.cwd,
                env=dict(command.env),
                start_new_session=True,
            )
            return _Running(child, process, log.tell(), asyncio.get_running_loop().time())

    async def _until_ready(self, running: _Running) -> str | None:
        """None once it is ready, else what happened instead."""
        ended = asyncio.create_task(running.process.wait())
        ready = asyncio.create_task(_probe_until_ready(running.child))
        try:
            await asyncio.wait({ended, ready}, timeout=running.child.ready_timeout, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                return f"ended at once with {_describe(ended.result())}"
            if ready.done():
                error = ready.exception()
                return f"cannot be asked whether it is ready: {error!r}" if error else None
            return f"was not ready within {running.child.ready_timeout:g} s"
        finally:
            for task in (ended, ready):
                task.cancel()
            await asyncio.gather(ended, ready, return_exceptions=True)

    async def _keep(self, running: _Running) -> None:
        """Wait for its death and start it again, for ever."""
        child, backoff = running.child, _FIRST_BACKOFF
        loop = asyncio.get_running_loop()
        while True:
            status = await running.process.wait()
            if loop.time() - running.started_at >= _HEALTHY_SECONDS:
                backoff = _FIRST_BACKOFF
            how = _describe(status)
            self._say(f"{child.name} ended with {how}, starting it again in {backoff:g} s (log: {child.log})")
            await asyncio.sleep(backoff)
            backoff = min(2 * backoff, _LONGEST_BACKOFF)
            await self._start_again(running)

    async def _start_again(self, running: _Running) -> None:
        child = running.child
        try:
            fresh = await self._spawn(child)
        except OSError as error:
            self._say(f"{child.name} cannot be started: {error}")
            return
        running.process, running.started_at, running.log_start = fresh.process, fresh.started_at, fresh.log_start
        self._on_change(self.pids)
        problem = await self._until_ready(running)
        self._say(f"{child.name} {problem or 'is back'} (process {running.process.pid})")


async def _probe_until_ready(child: Child) -> None:
    while not await child.ready():
        await asyncio.sleep(_PROBE_INTERVAL)


async def _end(running: _Running, signal: Signals, timeout: float) -> None:
    """Signal the process, then kill its whole session's group; returns when it has been reaped."""
    process = running.process
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.send_signal(signal)
    try:
        async with asyncio.timeout(timeout):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, SIGKILL)
        await process.wait()


def _describe(status: int) -> str:
    return f"status {status}" if status >= 0 else Signals(-status).name


def _rotate(log: Path) -> None:
    """Keep one former log of a child that has written much."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))


def _tail(running: _Running) -> str:
    """The last lines of the current start."""
    with running.child.log.open("rb") as log:
        log.seek(running.log_start)
        lines = log.read().decode(errors="replace").splitlines()
    return "\n".join(lines[-_TAIL_LINES:]) or "(it wrote nothing)"
