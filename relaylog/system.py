"""One whole system on this machine: servers, topics, tables, tenants, processes, in that order, and back."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from typing import Any

from relaylog import processes
from relaylog.data_folder import DataFolder
from relaylog.demo_tenants import DEMO_TENANTS, listed
from relaylog.embedded.secrets import write_private
from relaylog.embedded.server import EmbeddedServer, Say
from relaylog.migrating import apply_migrations, renew_outdated
from relaylog.ports import Ports, choose_ports, require_free, url
from relaylog.registering import register_demo_tenants, write_simulators_file
from relaylog.running_file import RunningFile, shell_exports
from relaylog.servers import Servers, is_set, port_names
from relaylog.supervisor import Child, Supervisor, child_of
from streams.provisioning import provision
from streams.settings import Settings

_STOP_SECONDS = 20.0
_PLATFORMS = ("genesys", "whatsapp")
#: What a newcomer reads when each part is ready.
_WORDS = {
    "kafka": "Kafka",
    "postgres": "Postgres",
    "redis": "Valkey (for Redis)",
    "gateway": "takes in what the platforms and other programs send",
    "agents": "send to Genesys Cloud and WhatsApp",
    "project": "keeps the tables",
    "query": "answers questions",
    "simulators": "play Genesys Cloud and WhatsApp, so no account is needed",
}


class System:
    """Starts everything, keeps it running, stops it. Use under the folder's lock."""

    def __init__(self, folder: DataFolder, port_base: int, own: Settings, say: Say) -> None:
        """``own``: the settings as the environment has them. Raises InvalidSettings when a port is taken."""
        self._folder, self._own, self._say = folder, own, say
        self.ports: Ports = choose_ports(port_base)
        require_free({name: self.ports[name] for name in port_names(own)})
        self._servers = Servers(own, folder, self.ports)
        self._running_file = RunningFile(folder.running_file)
        self._supervisor = Supervisor(say, self._processes_changed)
        self._groups: list[list[str]] = []
        self.simulated = False
        self._values = self._settings()
        self.settings = Settings(**self._values)

    def _settings(self) -> dict[str, Any]:
        """What this system sets for its processes, by the name of the setting."""
        values = self._servers.settings()
        values |= {f"{name}_port": str(self.ports[name]) for name in processes.PROCESSES}
        for name, value in (
            ("master_key", self._folder.master_key),
            ("operator_key", lambda: self._folder.keys.get("operator_key")),
            ("public_url", lambda: url(self.ports["gateway"])),
        ):
            if not is_set(self._own, name):
                values[name] = value()
        return values

    async def start(self) -> None:
        """Returns when everything serves and `running.json` is written. Raises ChildFailed, EmbeddedServerError."""
        await self._servers.prepare(self._say)
        await self._start_servers()
        await self._start_processes()
        write_private(self._folder.environment_file, shell_exports(self._values))
        self._running_file.publish(self.description())

    async def _start_servers(self) -> None:
        self._groups.append([server.name for server in self._servers.embedded])
        await _together(self._open_log(), self._open_tables(), self._start_server(self._servers.redis))
        await renew_outdated(self.settings, self._say)

    async def _open_log(self) -> None:
        """Kafka, topics, and the demo's tenants unless others are registered."""
        await self._start_server(self._servers.kafka)
        created = await provision(self.settings)
        if created:
            self._say(f"Kafka: {len(created)} topics made")
        self.simulated = await register_demo_tenants(self.settings, self._folder, url(self.ports["genesys"]))
        if self.simulated and not is_set(self._own, "whatsapp_url"):
            self._values["whatsapp_url"] = url(self.ports["whatsapp"])

    async def _open_tables(self) -> None:
        """Postgres, its roles, and the migrations."""
        await self._start_server(self._servers.postgres)
        if self._servers.postgres is not None:
            await self._servers.postgres.provision()
        applied = await apply_migrations(self.settings)
        if applied:
            self._say(f"Postgres: {len(applied)} migrations applied")

    async def _start_server(self, server: EmbeddedServer | None) -> None:
        if server is not None:
            await self._supervisor.start(child_of(server, self._folder.logs))
            self._say(f"{_WORDS[server.name]} is ready")

    async def _start_processes(self) -> None:
        children = [processes.process(name, self.ports, self._values, self._folder) for name in processes.PROCESSES]
        if self.simulated:
            write_simulators_file(self._folder, url(self.ports["gateway"]))
            children.append(processes.simulators(self.ports, self._folder))
            self._groups.append([processes.SIMULATORS])
        self._groups.append(list(processes.PROCESSES))
        await _together(*(self._start_child(child) for child in children))

    async def _start_child(self, child: Child) -> None:
        await self._supervisor.start(child)
        self._say(f"{child.name}: {_WORDS[child.name]}")

    async def stop(self) -> None:
        """Stop what runs, the last started group first; `running.json` goes with it."""
        for names in reversed(self._groups):
            running = [name for name in names if name in self._supervisor.pids]
            await asyncio.gather(*(self._supervisor.stop(name, _STOP_SECONDS) for name in running))
        self._folder.environment_file.unlink(missing_ok=True)
        self._running_file.remove()

    def description(self) -> dict[str, Any]:
        """Content of `running.json`."""
        settings = self.settings
        return {
            "pid": os.getpid(),
            "processes": self._listed_processes(),
            "gateway": url(self.ports["gateway"]),
            "query": url(self.ports["query"]),
            "simulators": {name: url(self.ports[name]) for name in _PLATFORMS if self.simulated},
            "metrics": {name: f"{url(self.ports[name])}/metrics" for name in processes.PROCESSES},
            "kafka": settings.kafka,
            "postgres": settings.postgres,
            "redis": settings.redis,
            "operator_key": settings.operator_key.get_secret_value(),
            "tenants": [listed(tenant, self._folder.keys.get) for tenant in DEMO_TENANTS] if self.simulated else [],
        }

    def _listed_processes(self) -> dict[str, int]:
        # The simulators stand for other companies: they are not parts of the system that may be killed in a test.
        return {name: pid for name, pid in self._supervisor.pids.items() if name != processes.SIMULATORS}

    def _processes_changed(self, _pids: dict[str, int]) -> None:
        self._running_file.set_processes(self._listed_processes())


async def _together(*work: Coroutine[Any, Any, None]) -> None:
    """Run side by side; the first failure cancels the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for one in work:
                group.create_task(one)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
