"""The environment file that leads a shell to a running system."""

from __future__ import annotations

import subprocess

from relaylog.running_file import shell_exports


def test_a_shell_reads_back_every_value_as_it_is() -> None:
    value = "postgresql://u:p'a\"$x y@127.0.0.1/db"
    script = shell_exports({"postgres": value}) + 'printf %s "$RELAYLOG_POSTGRES"'
    assert subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True).stdout == value
