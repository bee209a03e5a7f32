"""`python -m simulators`: both simulators alone, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from pathlib import Path

from pydantic import ValidationError

from simulators.config import SimulatorsConfig
from simulators.serve import start_simulators


async def run(config: SimulatorsConfig, host: str, genesys_port: int, whatsapp_port: int, seed: int) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    running = await start_simulators(config, genesys_port, whatsapp_port, host, seed)
    print(f"Genesys Cloud {running.genesys_url}", f"WhatsApp Cloud API {running.whatsapp_url}", sep="\n", flush=True)
    with contextlib.suppress(asyncio.CancelledError):
        await stop.wait()
    await running.stop()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m simulators", description=__doc__)
    parser.add_argument("--tenants", type=Path, required=True, help='JSON file {"tenants": [...], "behaviour": {...}}')
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--genesys-port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--whatsapp-port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is left to chance")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO)
    try:
        config = SimulatorsConfig.model_validate_json(options.tenants.read_bytes())
    except (OSError, ValidationError) as error:
        print(f"{options.tenants}: {error}", file=sys.stderr)
        return 2
    asyncio.run(run(config, options.host, options.genesys_port, options.whatsapp_port, options.seed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
