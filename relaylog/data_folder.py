"""The folder in which `up` keeps everything of one system, used by one `up` at a time."""

from __future__ import annotations

import base64
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from relaylog.embedded.secrets import SecretFile
from streams.settings import InvalidSettings


class FolderInUse(InvalidSettings):
    """Another `up` runs on the same data folder."""


@dataclass(frozen=True)
class DataFolder:
    """Names of what is in the folder."""

    path: Path

    @property
    def running_file(self) -> Path:
        """Addresses and keys for other programs, while the system runs."""
        return self.path / "running.json"

    @property
    def environment_file(self) -> Path:
        """The settings of the running system for a shell: `. DIR/environment` leads every tool to it."""
        return self.path / "environment"

    @property
    def logs(self) -> Path:
        """One log file a process."""
        return self.path / "logs"

    @property
    def simulators_file(self) -> Path:
        """What the simulators are told at their start; holds keys of the demo tenants."""
        return self.path / "simulators.json"

    @property
    def keys(self) -> SecretFile:
        """Keys made for this folder: master key, operator key, keys of the demo tenants."""
        return SecretFile(self.path / "keys.json")

    def master_key(self) -> str:
        """The folder's own master key: 32 bytes in base64, made at the first call."""
        return base64.b64encode(base64.urlsafe_b64decode(self.keys.get("master_key") + "=")).decode()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder alone. Raises FolderInUse, which names the process that holds it.

        The kernel lets go of the lock when the process ends, however it ends.
        """
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.path / "lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise FolderInUse(
                    f"{self.path} is in use by the `relaylog up` with process id {file.read().strip() or 'unknown'}. "
                    "Stop that one, or give this one a folder and ports of its own: --data DIR --port-base 9080."
                ) from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield
