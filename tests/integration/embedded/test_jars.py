"""Only the jars of the lock file are run, and one that differs is refused by its name."""

import shutil
import threading
from pathlib import Path

import pytest

from relaylog.embedded.jars import default_folder, ensure_jars
from relaylog.embedded.kafka import EmbeddedKafka
from relaylog.embedded.server import EmbeddedServerError

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def fetched() -> list[Path]:
    """The jars of the checkout, fetched if no test did before."""
    return ensure_jars(default_folder(), print)


@pytest.fixture
def folder(fetched: list[Path], tmp_path: Path) -> Path:
    """A copy to be rough with."""
    copy = tmp_path / "jars"
    copy.mkdir()
    for jar in fetched:
        shutil.copy(jar, copy)
    return copy


def test_a_changed_jar_is_refused_by_name(folder: Path, tmp_path: Path) -> None:
    with (folder / "kafka-clients-4.3.1.jar").open("ab") as jar:
        jar.write(b"!")
    with pytest.raises(EmbeddedServerError, match=r"kafka-clients-4\.3\.1\.jar is refused: its SHA-256 is"):
        EmbeddedKafka(tmp_path, 1, 2, jar_folder=folder).prepare(print)


def test_a_jar_fetched_that_is_not_the_locked_one_is_refused_and_not_kept(tmp_path: Path) -> None:
    lock = tmp_path / "jgo.lock.toml"
    jar = '[[dependencies]]\ngroupId = "org.slf4j"\nartifactId = "slf4j-simple"\nversion = "1.7.36"\n'
    lock.write_text(jar + 'packaging = "jar"\nsha256 = "' + "0" * 64 + '"\n')
    with pytest.raises(EmbeddedServerError, match=r"slf4j-simple-1\.7\.36\.jar is refused"):
        ensure_jars(tmp_path / "jars", print, lock)
    assert [path.name for path in (tmp_path / "jars").iterdir()] == [".lock"]


def test_processes_that_start_together_fetch_a_missing_jar_once(folder: Path) -> None:
    (folder / "slf4j-simple-1.7.36.jar").unlink()
    (folder / ".fetching-left-behind").mkdir()
    said: list[str] = []
    starts = [threading.Thread(target=ensure_jars, args=(folder, said.append)) for _ in range(3)]
    for start in starts:
        start.start()
    for start in starts:
        start.join()
    assert [line for line in said if "jars fetched" in line] == ["Kafka: 1 jars fetched, 0.0 MB"]
    assert sorted(path.suffix for path in folder.iterdir() if path.suffix != ".jar") == [""]
    assert ensure_jars(folder, said.append) == [folder / jar.name for jar in ensure_jars(default_folder(), print)]
