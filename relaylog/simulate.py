"""The process `relaylog simulators`."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pydantic import ValidationError

from relaylog.run import stop_on_signals
from simulators.config import SimulatorsConfig
from streams.settings import InvalidSettings


def read_tenants_file(path: Path) -> SimulatorsConfig:
    """Raises InvalidSettings naming the file and every bad field in it."""
    try:
        return SimulatorsConfig.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InvalidSettings(f"{path}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors()]
        raise InvalidSettings(f"{path} is not valid:\n  " + "\n  ".join(lines)) from None


def run_simulators(tenants: Path, genesys_port: int, whatsapp_port: int) -> None:
    """Serve both platforms until SIGTERM or SIGINT."""
    asyncio.run(_serve(read_tenants_file(tenants), genesys_port, whatsapp_port))


async def _serve(config: SimulatorsConfig, genesys_port: int, whatsapp_port: int) -> None:
    from simulators.serve import start_simulators

    stop = stop_on_signals()
    running = await start_simulators(config, genesys_port=genesys_port, whatsapp_port=whatsapp_port)
    await stop.wait()
    await running.stop()
