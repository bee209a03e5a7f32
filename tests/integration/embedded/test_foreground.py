"""A Ctrl-C under `make run` is the command's own affair: it stops cleanly and make ends with its status."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

_COMMAND = """
import signal, sys
def stop(*_):
    print("stopped cleanly", flush=True)
    sys.exit(status)
signal.signal(signal.SIGINT, stop)
print("up", flush=True)
signal.pause()
"""


@pytest.mark.parametrize("status", [0, 3])
def test_ctrl_c_in_a_terminal_ends_make_with_the_status_of_the_command(tmp_path: Path, status: int) -> None:
    (tmp_path / "command.py").write_text(f"status = {status}\n{_COMMAND}")
    (tmp_path / "Makefile").write_text(
        f"run:\n\t@exec {sys.executable} -m relaylog.foreground {sys.executable} command.py\n"
    )
    make, terminal = pty.fork()
    if make == 0:
        os.chdir(tmp_path)
        os.execvp("make", ["make", "run"])
    shown = read_until(terminal, "up")
    os.write(terminal, b"\x03")
    shown += read_until(terminal, "stopped cleanly")
    _, ended = os.waitpid(make, 0)
    os.close(terminal)
    # make says 2 for any recipe that failed.
    assert os.waitstatus_to_exitcode(ended) == (0 if status == 0 else 2), shown


def test_without_a_terminal_the_group_stays_as_it_is(tmp_path: Path) -> None:
    code = "import os; print(os.getpgrp() == os.getpgid(os.getppid()))"
    command = [sys.executable, "-m", "relaylog.foreground", sys.executable, "-c", code]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def read_until(terminal: int, word: str) -> str:
    """What the terminal shows up to that word."""
    shown = ""
    while word not in shown:
        shown += os.read(terminal, 1024).decode()
    return shown
