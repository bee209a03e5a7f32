"""A command line to run as a child that dies with its parent."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL, Signals

from relaylog.embedded import launch


def _bare_environment() -> dict[str, str]:
    """What a server needs and no more, so that nobody's JAVA_TOOL_OPTIONS or PGDATA changes how it runs."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True, kw_only=True)
class Command:
    """What to run, where and as whom."""

    argv: tuple[str, ...]
    #: The whole environment of the child.
    env: Mapping[str, str] = field(default_factory=_bare_environment)
    cwd: Path | None = None
    #: User id (and group id) to run under; None keeps the caller's. Only root can change it.
    user: tuple[int, int] | None = None
    #: Sent by the kernel when the thread that started the child is gone, however it went (Linux only).
    death_signal: Signals = SIGKILL

    def launched(self) -> list[str]:
        """The argv that runs this command through the launcher; it keeps its process id through the exec."""
        user = ":".join(map(str, self.user)) if self.user else "-"
        launcher = (sys.executable, "-I", "-S", str(Path(launch.__file__)))
        return [*launcher, str(os.getpid()), str(int(self.death_signal)), user, *self.argv]
