"""`relaylog up`: the whole system on this machine, with a demo, until Ctrl-C."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from relaylog.console import Console
from relaylog.data_folder import DataFolder
from relaylog.demo import play
from relaylog.embedded.server import EmbeddedServerError
from relaylog.run import EXIT_FAILED, stop_on_signals
from relaylog.supervisor import ChildFailed
from relaylog.system import System
from schemas.errors import RelaylogError
from streams.settings import Settings, load_settings

Result = TypeVar("Result")


class NotStarted(RelaylogError):
    """A part of the system could not be started; the message names it and its log."""


class _Stopped(Exception):
    """The person asked to stop."""


@dataclass(frozen=True)
class Options:
    """Arguments of `relaylog up`."""

    data: Path
    port_base: int
    once: bool
    demo: bool


def run_up(options: Options) -> int:
    """The exit code. Raises RelaylogError when the system does not start; nothing is left running then."""
    own = load_settings()
    folder = DataFolder(options.data.absolute())
    with folder.locked():
        return asyncio.run(_run(options, own, folder))


async def _run(options: Options, own: Settings, folder: DataFolder) -> int:
    console, stop = Console(), stop_on_signals()
    system = System(folder, options.port_base, own, console.progress)
    console.title("Starting relaylog")
    try:
        await _unless_stopped(stop, system.start())
        return await _serve(options, system, console, stop)
    except _Stopped:
        return 0
    except (ChildFailed, EmbeddedServerError) as error:
        raise NotStarted(str(error)) from error
    finally:
        console.title("Stopping")
        await system.stop()
        console.progress("everything has stopped")


async def _serve(options: Options, system: System, console: Console, stop: asyncio.Event) -> int:
    _welcome(system, console, options)
    passed = True
    if options.demo and system.simulated:
        passed = await _unless_stopped(stop, play(system.description(), console))
    elif options.demo:
        console.say("Tenants of your own are registered, so nothing is simulated and no demo is played.")
        passed = not options.once
    if options.once:
        return 0 if passed else EXIT_FAILED
    console.say("\nEverything stays up until you press Ctrl-C.")
    await stop.wait()
    return 0


def _welcome(system: System, console: Console, options: Options) -> None:
    running = system.description()
    console.title("relaylog is up")
    console.say(f"  webhooks   {running['gateway']}")
    console.say(f"  queries    {running['query']}   (described at {running['query']}/openapi.json)")
    for name, address in running["simulators"].items():
        console.say(f"  {name:10} {address}   (simulated)")
    console.say(f"  keys and all other addresses: {options.data / 'running.json'}; logs: {options.data / 'logs'}")


async def _unless_stopped(stop: asyncio.Event, work: Coroutine[Any, Any, Result]) -> Result:
    """The result of ``work``; when ``stop`` is set first, cancel it and raise _Stopped."""
    task, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise _Stopped
    finally:
        task.cancel()
        stopped.cancel()
        await asyncio.gather(task, stopped, return_exceptions=True)
