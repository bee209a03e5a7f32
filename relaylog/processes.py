"""The processes of one system as children: what to run, in which environment, and when it is ready."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Mapping

import httpx

from relaylog.data_folder import DataFolder
from relaylog.embedded.command import Command
from relaylog.ports import Ports, url
from relaylog.supervisor import Child

#: The processes that `running.json` lists with their metrics.
PROCESSES = ("gateway", "agents", "project", "query")
SIMULATORS = "simulators"


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of this process with these settings set, each by its name."""
    return dict(os.environ) | {f"RELAYLOG_{name.upper()}": value for name, value in settings.items()}


def process(name: str, ports: Ports, settings: Mapping[str, str], folder: DataFolder) -> Child:
    """One of `PROCESSES`."""
    return _child(name, (name,), environment(settings), folder, _answers(f"{url(ports[name])}/readyz"))


def simulators(ports: Ports, folder: DataFolder) -> Child:
    """Both simulated platforms in one process; told about their tenants by the folder's `simulators_file`."""
    arguments = (SIMULATORS, "--tenants", str(folder.simulators_file))
    places = ("--genesys-port", str(ports["genesys"]), "--whatsapp-port", str(ports["whatsapp"]))
    ready = _answers(f"{url(ports['genesys'])}/livez", f"{url(ports['whatsapp'])}/livez")
    return _child(SIMULATORS, (*arguments, *places), environment({}), folder, ready)


def _child(
    name: str,
    arguments: tuple[str, ...],
    env: Mapping[str, str],
    folder: DataFolder,
    ready: Callable[[], Awaitable[bool]],
) -> Child:
    command = Command(argv=(sys.executable, "-m", "relaylog", *arguments), env=env)
    return Child(name=name, command=lambda: command, ready=ready, log=folder.logs / f"{name}.log")


def _answers(*addresses: str) -> Callable[[], Awaitable[bool]]:
    """A probe: whether each of the addresses answers 200."""

    async def probe() -> bool:
        async with httpx.AsyncClient(timeout=2.0, trust_env=False) as client:
            try:
                return all([(await client.get(address)).status_code == 200 for address in addresses])
            except httpx.TransportError:
                return False

    return probe
