"""Children are restarted with backoff, stopped in reverse order, and die with whoever started them."""

import asyncio
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from relaylog.embedded.command import Command
from relaylog.supervisor import Child, ChildFailed

from .system import System, eventually

pytestmark = pytest.mark.integration

_PATIENT = (
    "import signal, sys, time; signal.signal(signal.SIGTERM, {handler}); print('up', flush=True); time.sleep(600)"
)


def python_child(tmp_path: Path, name: str, code: str, ready_timeout: float = 20.0) -> Child:
    """A child that is ready once it has written `up`."""
    log = tmp_path / "logs" / f"{name}.log"

    async def ready() -> bool:
        return log.exists() and "up" in log.read_text().split()

    return Child(
        name=name,
        command=lambda: Command(argv=(sys.executable, "-c", code)),
        ready=ready,
        log=log,
        ready_timeout=ready_timeout,
    )


async def test_children_stop_in_reverse_order_and_the_deaf_are_killed(tmp_path: Path) -> None:
    system = System(tmp_path)
    order = tmp_path / "order"
    note = "lambda *_: (open({path!r}, 'a').write({name!r} + ' '), sys.exit())"
    for name in ("first", "second"):
        handler = note.format(path=str(order), name=name)
        await system.supervisor.start(python_child(tmp_path, name, _PATIENT.format(handler=handler)))
    await system.supervisor.start(python_child(tmp_path, "deaf", _PATIENT.format(handler="signal.SIG_IGN")))
    processes = [psutil.Process(pid) for pid in system.supervisor.pids.values()]
    await system.supervisor.stop_all(timeout=2)
    assert order.read_text() == "second first "
    assert not any(process.is_running() for process in processes)
    assert system.said == []


async def test_a_failed_start_shows_the_end_of_the_log_and_leaves_nothing(tmp_path: Path) -> None:
    system, before = System(tmp_path), set(psutil.Process().children())
    with pytest.raises(ChildFailed, match=r"(?s)broken ended at once with status 3; the end of .*broken\.log:\nsorry"):
        await system.supervisor.start(python_child(tmp_path, "broken", "print('sorry'); raise SystemExit(3)"))
    slow = python_child(tmp_path, "slow", "import time; time.sleep(600)", ready_timeout=0.2)
    with pytest.raises(ChildFailed, match=r"slow was not ready within 0\.2 s"):
        await system.supervisor.start(slow)
    unaskable = replace(python_child(tmp_path, "unaskable", "import time; time.sleep(600)"), ready=broken_probe)
    with pytest.raises(ChildFailed, match="unaskable cannot be asked whether it is ready: RuntimeError"):
        await system.supervisor.start(unaskable)
    assert system.supervisor.pids == {}
    assert set(psutil.Process().children()) <= before


async def broken_probe() -> bool:
    raise RuntimeError("no such host")


async def test_backoff_doubles_while_a_child_keeps_dying(tmp_path: Path) -> None:
    system = System(tmp_path)
    child = python_child(
        tmp_path, "dying", "print('up', flush=True); import time; time.sleep(0.2); raise SystemExit(7)"
    )
    await system.supervisor.start(child)

    async def died_three_times() -> bool:
        return len([line for line in system.said if "ended with status 7" in line]) >= 3

    await eventually(died_three_times)
    await system.supervisor.stop_all()
    delays = [line.partition("again in ")[2].split()[0] for line in system.said if "again in" in line]
    assert delays[:3] == ["0.5", "1", "2"]


async def test_children_die_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    program = f"""
import asyncio, pathlib, sys
from relaylog.embedded.command import Command
from relaylog.supervisor import Child, Supervisor
async def ready(): return True
async def main():
    command = Command(argv=(sys.executable, "-c", "import time; time.sleep(600)"))
    supervisor = Supervisor(print, lambda pids: pathlib.Path({str(pid_file)!r}).write_text(str(pids["child"])))
    log = pathlib.Path({str(tmp_path / "child.log")!r})
    await supervisor.start(Child(name="child", command=lambda: command, ready=ready, log=log))
    await asyncio.sleep(600)
asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", program)

    async def started() -> bool:
        return pid_file.exists() and pid_file.read_text() != ""

    await eventually(started)
    child = psutil.Process(int(pid_file.read_text()))
    os.kill(parent.pid, signal.SIGKILL)
    await parent.wait()

    async def gone() -> bool:
        return not child.is_running() or child.status() == psutil.STATUS_ZOMBIE

    await eventually(gone)
