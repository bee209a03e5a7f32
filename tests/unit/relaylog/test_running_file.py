"""`running.json` from publish to remove."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from relaylog.running_file import RunningFile


def test_it_is_there_from_publish_to_remove(tmp_path: Path) -> None:
    path = tmp_path / "running.json"
    file = RunningFile(path)
    file.set_processes({"gateway": 1})
    assert not path.exists()
    file.publish({"pid": 7, "processes": {"gateway": 1}})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    file.set_processes({"gateway": 2})
    assert json.loads(path.read_text()) == {"pid": 7, "processes": {"gateway": 2}}
    file.remove()
    assert not path.exists()


def test_what_a_killed_up_left_behind_goes_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "running.json"
    path.write_text("{}")
    RunningFile(path)
    assert not path.exists()


def test_after_remove_a_late_restart_does_not_bring_it_back(tmp_path: Path) -> None:
    path = tmp_path / "running.json"
    file = RunningFile(path)
    file.publish({"processes": {}})
    file.remove()
    file.set_processes({"gateway": 3})
    assert not path.exists()
