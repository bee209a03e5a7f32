"""Becomes the command behind `make run`, so that a Ctrl-C reaches it alone and its exit status is make's.

make itself dies of a SIGINT, whatever its child makes of it; in a terminal the command therefore gets the foreground
to itself. Anywhere else nothing is changed: signals for the whole group still reach it.
"""

import os
import signal
import sys


def take_terminal() -> None:
    """Make this process the terminal's foreground group, if there is a terminal on its input."""
    if not os.isatty(0) or os.tcgetpgrp(0) != os.getpgrp():
        return
    # The shell that waits for make would not notice this group stop.
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    # A group in the background is stopped by this signal when it asks for the terminal.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)


def main(command: list[str]) -> None:
    """Take the terminal and exec the command; does not return."""
    take_terminal()
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
