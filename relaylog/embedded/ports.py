"""Free ports of this machine."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack
from pathlib import Path

_FIRST = 10_000
#: Where Linux says from which port on it gives them to outgoing connections; elsewhere its default holds.
_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_EPHEMERAL_FIRST = 32_768
_draw = random.SystemRandom()


def free_ports(count: int) -> list[int]:
    """That many different ports of 127.0.0.1 that nobody listens on now; nothing keeps them from being taken later.

    They lie below those that the system gives to outgoing connections, which would take them within seconds.
    """
    with ExitStack() as stack:
        ports: list[int] = []
        while len(ports) < count:
            port = _draw.randrange(_FIRST, max(_ephemeral_first(), _FIRST + 1000))
            try:
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            ports.append(port)
        return ports


def _ephemeral_first() -> int:
    try:
        return int(_EPHEMERAL_RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return _EPHEMERAL_FIRST
