"""The tools of the command line, run beside a living system."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from tests.acceptance.stage import Stage


class Commands:
    """`relaylog ...` with the settings that `running.json` gives."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    @property
    def _environment(self) -> dict[str, str]:
        running = self._stage.running
        addresses = {f"RELAYLOG_{name.upper()}": running[name] for name in ("kafka", "postgres", "redis")}
        return {**os.environ, **addresses}

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """The command while it runs; at the end of the block it is over."""
        process = subprocess.Popen(
            [sys.executable, "-m", "relaylog", *arguments],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command from start to end, both outputs in one."""
        with self.started(*arguments) as process:
            output, _ = process.communicate(timeout=120)
            return subprocess.CompletedProcess(arguments, process.returncode, output)

    def alter_text(self, message: str, text: str) -> None:
        """Change a message's row behind the back of its projection."""
        with psycopg.connect(self._stage.running["postgres"]) as connection:
            live = connection.execute("SELECT schema_name FROM relaylog.generation WHERE state = 'live'").fetchone()
            assert live is not None
            update = sql.SQL("UPDATE {}.message SET text = %s WHERE message_id = %s").format(sql.Identifier(live[0]))
            assert connection.execute(update, (text, message)).rowcount == 1
