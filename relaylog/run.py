"""One process: settings read once, logging, the signals that stop it, and what it exits with."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable

import uvloop

from schemas.errors import RelaylogError
from streams.logs import configure_logging
from streams.settings import InvalidSettings, Settings, load_settings

#: A process: runs until ``stop`` is set, then ends what it began and returns.
Serve = Callable[[Settings, asyncio.Event], Awaitable[None]]

#: Net allocations until the youngest objects are looked through for cycles, and how often the older ones are: with
#: Python's 700, 10 and 10 a busy sender spends an eighth of its time on finding next to nothing.
COLLECTION_THRESHOLDS = (50_000, 20, 50)

EXIT_FAILED = 1
EXIT_CONFIGURATION = 2


def run(serve: Serve) -> None:
    """Run one process until SIGTERM or SIGINT. Raises what ``serve`` raises, and InvalidSettings before it starts."""
    settings = load_settings()
    configure_logging(settings.log_level)
    # What the imports made stays for good.
    gc.freeze()
    gc.set_threshold(*COLLECTION_THRESHOLDS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve_until_stopped(serve, settings))


async def _serve_until_stopped(serve: Serve, settings: Settings) -> None:
    await serve(settings, stop_on_signals())


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set; call it inside the running loop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def exit_code(error: RelaylogError) -> int:
    """2 when what the person typed or set is wrong, 1 when something else is."""
    return EXIT_CONFIGURATION if isinstance(error, InvalidSettings) else EXIT_FAILED
