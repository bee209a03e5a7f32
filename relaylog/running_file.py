"""`running.json` and `environment`: where everything of a running system is, for other programs and for a shell."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from relaylog.embedded.secrets import write_private


def shell_exports(settings: Mapping[str, str]) -> str:
    """Lines with which a shell leads the tools of `relaylog` to a system; ``settings`` by name."""
    return "".join(f"export RELAYLOG_{name.upper()}={shlex.quote(value)}\n" for name, value in settings.items())


class RunningFile:
    """Written atomically with mode 0600; there only from `publish` to `remove`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._content: dict[str, Any] | None = None
        # What a killed `up` left behind speaks of processes that are gone.
        path.unlink(missing_ok=True)

    def publish(self, content: Mapping[str, Any]) -> None:
        """Write the file: everything in it serves now."""
        self._content = dict(content)
        self._write()

    def set_processes(self, processes: Mapping[str, int]) -> None:
        """Process ids by name; before `publish` there is no file to update."""
        if self._content is not None and self._content["processes"] != processes:
            self._content["processes"] = dict(processes)
            self._write()

    def remove(self) -> None:
        """At a clean stop."""
        self._content = None
        self._path.unlink(missing_ok=True)

    def _write(self) -> None:
        write_private(self._path, json.dumps(self._content, indent=1) + "\n")
