"""The data folder: one `up` at a time, keys that stay."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from relaylog.data_folder import DataFolder, FolderInUse

HOLD = """
import sys
from pathlib import Path
from relaylog.data_folder import DataFolder

with DataFolder(Path(sys.argv[1])).locked():
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_a_second_up_is_refused_and_told_who_has_the_folder(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(FolderInUse, match=f"process id {holder.pid}"), DataFolder(tmp_path).locked():
            pass
        holder.kill()
        holder.wait()
        with DataFolder(tmp_path).locked():
            assert (tmp_path / "lock").read_text() == str(os.getpid())


def test_a_new_folder_is_its_owners_alone(tmp_path: Path) -> None:
    with DataFolder(tmp_path / "data").locked():
        assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_the_master_key_has_32_bytes_and_stays(tmp_path: Path) -> None:
    key = DataFolder(tmp_path).master_key()
    assert len(base64.b64decode(key, validate=True)) == 32
    assert DataFolder(tmp_path).master_key() == key
    assert DataFolder(tmp_path / "other").master_key() != key


def test_keys_are_private(tmp_path: Path) -> None:
    DataFolder(tmp_path).master_key()
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600
