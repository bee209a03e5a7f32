"""The ports of one system on this machine: all follow from one base, or are taken free."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from relaylog.embedded.ports import free_ports
from streams.settings import InvalidSettings

HOST = "127.0.0.1"

#: Distance of each port from the base.
OFFSETS: Mapping[str, int] = {
    "gateway": 0,
    "query": 1,
    "agents": 2,
    "project": 3,
    "genesys": 10,
    "whatsapp": 11,
    "kafka": 12,
    "kafka_controller": 13,
    "postgres": 14,
    "redis": 15,
}

Ports = Mapping[str, int]


def choose_ports(base: int) -> Ports:
    """A port for every name of `OFFSETS`: ``base`` and what follows from it, or free ones where ``base`` is 0."""
    if base == 0:
        return dict(zip(OFFSETS, free_ports(len(OFFSETS)), strict=True))
    return {name: base + offset for name, offset in OFFSETS.items()}


def require_free(ports: Ports) -> None:
    """Raise InvalidSettings naming every port that somebody listens on already."""
    taken = [f"{port} ({name})" for name, port in ports.items() if not _is_free(port)]
    if taken:
        raise InvalidSettings(
            f"somebody listens on {', '.join(taken)} already. Stop it, or choose other ports: "
            "--port-base 9080, or --port-base 0 for free ones."
        )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do, so that connections of the last run that are still closing do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def url(port: int) -> str:
    """Base address of an HTTP server on this machine."""
    return f"http://{HOST}:{port}"
