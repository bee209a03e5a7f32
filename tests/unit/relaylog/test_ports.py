"""The ports of a system."""

from __future__ import annotations

import socket

import pytest

from relaylog.ports import OFFSETS, choose_ports, require_free
from streams.settings import InvalidSettings


def test_all_ports_follow_from_the_base() -> None:
    ports = choose_ports(9000)
    assert (ports["gateway"], ports["query"], ports["genesys"], ports["redis"]) == (9000, 9001, 9010, 9015)


def test_two_bases_sixteen_apart_do_not_meet() -> None:
    assert not set(choose_ports(9000).values()) & set(choose_ports(9016).values())


def test_base_zero_takes_different_free_ports() -> None:
    ports = choose_ports(0)
    require_free(ports)
    assert len(set(ports.values())) == len(OFFSETS)


def test_taken_ports_are_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InvalidSettings, match=rf"{port} \(query\).*--port-base"):
            require_free({"query": port})
