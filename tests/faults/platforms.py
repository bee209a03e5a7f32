"""The platforms of a run: their behaviour, the tenants that they know, and their weather."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from typing import Any

import httpx
import psutil
from pydantic import SecretStr

from relaylog.data_folder import DataFolder
from relaylog.demo_tenants import DemoTenant, configuration, listed, simulated
from streams.log import LogWriter
from streams.registration import TenantDraft, register_tenant
from streams.settings import Settings
from tests.acceptance.stage import Stage
from tests.acceptance.system import until
from tests.history.collect import PLATFORMS

Rule = Mapping[str, Any]


def restart_platforms(stage: Stage, tenants: tuple[DemoTenant, ...] = (), **behaviour: Any) -> None:
    """Start the simulators again, with more tenants and another behaviour; what they knew is forgotten."""
    file = DataFolder(stage.up.data).simulators_file
    config = json.loads(file.read_text())
    config["behaviour"] |= behaviour
    gateway = stage.running["gateway"]
    config["tenants"] += [simulated(tenant, key, gateway).model_dump(mode="json") for tenant in tenants]
    file.write_text(json.dumps(config))
    former = next(process for process in stage.up.family() if "simulators" in process.cmdline())
    former.kill()
    psutil.wait_procs([former], timeout=10.0)
    until("both platforms again", lambda: all(map(_lives, stage.running["simulators"].values())))


def _lives(address: str) -> bool:
    try:
        return httpx.get(f"{address}/livez", trust_env=False).is_success
    except httpx.TransportError:
        return False


def weather(stage: Stage, seed: int, *rules: Rule) -> None:
    """What goes wrong at both platforms from now on; no rule heals."""
    for platform in PLATFORMS:
        stage.control("PUT", platform, "faults", {"seed": seed, "rules": list(rules)})


def dark(tenant: str) -> list[Rule]:
    """Nothing of the tenant's gets through: half of its calls are answered 503, the others find nobody."""
    return [
        {"match": {"tenant": tenant}, "do": "status 503", "share": 0.5},
        {"match": {"tenant": tenant}, "do": "reset"},
    ]


def key(name: str) -> str:
    """A key of a made-up tenant: the same in every process of the run."""
    return hashlib.sha256(f"fault run {name}".encode()).hexdigest()[:40]


def made_up(count: int) -> tuple[DemoTenant, ...]:
    """So many tenants with one channel each."""
    return tuple(
        DemoTenant(
            id=f"tenant-{number:03}",
            label=f"Tenant {number}",
            app=f"app-{number:03}",
            waba_id=f"3{number:014}",
            phone_number_id=f"4{number:014}",
            display_phone_number=f"44207947{number:04}",
            integration_id=str(uuid.UUID(int=number + 1)),
        )
        for number in range(count)
    )


async def register(stage: Stage, tenants: tuple[DemoTenant, ...]) -> None:
    """Register them on the running system, one after the other, as `relaylog tenants add` does."""
    running = stage.running
    settings = Settings(kafka=running["kafka"], master_key=SecretStr(DataFolder(stage.up.data).master_key()))
    writer = LogWriter(settings)
    await writer.start()
    try:
        for tenant in tenants:
            draft = configuration(tenant, key, running["simulators"]["genesys"])
            await register_tenant(settings, writer, TenantDraft.model_validate(draft))
    finally:
        await writer.stop()


class Town(Stage):
    """A stage with many tenants more than the demo's."""

    tenants: tuple[DemoTenant, ...] = ()

    @property
    def running(self) -> dict[str, Any]:
        """As `running.json` has it, with every tenant listed."""
        content = super().running
        content["tenants"] = [*content["tenants"], *(listed(tenant, key) for tenant in self.tenants)]
        return content
