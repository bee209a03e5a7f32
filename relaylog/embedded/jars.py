"""The jars of Apache Kafka: fetched once by jgo, and used only if their SHA-256 is the one in the lock file."""

import fcntl
import hashlib
import logging
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from jgo.config import GlobalSettings
from jgo.env import LockedDependency, LockFile
from jgo.maven import MavenContext, PythonResolver
from requests import RequestException
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from relaylog.embedded.server import EmbeddedServerError, Say

LOCK_FILE = Path(__file__).with_name("jgo.lock.toml")
_PARALLEL_DOWNLOADS = 4
#: Where a download is under way; one left behind belongs to a process that died.
_PARTIAL = ".fetching-"
_SECONDS_BETWEEN_PROGRESS = 1.0


def default_folder() -> Path:
    """Inside the virtual environment: shared by all data folders of a checkout, gone with `make clean`."""
    return Path(sys.prefix) / "share" / "relaylog" / "kafka-jars"


def ensure_jars(folder: Path, say: Say, lock_file: Path = LOCK_FILE) -> list[Path]:
    """All jars of the lock file in `folder`, in its order, what is missing fetched; safe to call from many processes.

    Raises EmbeddedServerError, which names the jar, if one cannot be fetched or is not the one that was locked.
    """
    locked = LockFile.load(lock_file).dependencies
    folder.mkdir(parents=True, exist_ok=True)
    with exclusive(folder / ".lock"):
        missing = [jar for jar in locked if not (folder / _file_name(jar)).exists()]
        for leftover in folder.glob(f"{_PARTIAL}*"):
            shutil.rmtree(leftover)
        if missing:
            _Download(folder, say, len(missing)).run(missing)
    paths = [folder / _file_name(jar) for jar in locked]
    for jar, path in zip(locked, paths, strict=True):
        _check(jar, path, f"Delete {path} to have it fetched again.")
    return paths


def _file_name(jar: LockedDependency) -> str:
    return f"{jar.artifactId}-{jar.version}.jar"


def _check(jar: LockedDependency, path: Path, advice: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not jar.sha256 or found != jar.sha256:
        raise EmbeddedServerError(
            f"{_file_name(jar)} is refused: its SHA-256 is {found}, {LOCK_FILE.name} says {jar.sha256}. {advice}"
        )


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """One process at a time; the kernel lets go of the lock of one that dies."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class _Download:
    """Fetches jars side by side and counts what lands."""

    def __init__(self, folder: Path, say: Say, jars: int) -> None:
        self._folder, self._say, self._jars = folder, say, jars
        self._done = self._bytes = 0
        self._said_at = time.monotonic()
        self._mutex = threading.Lock()
        # A mirror that the user's own jgo settings name is used; else jgo's default.
        self._repositories = GlobalSettings.load().repositories or None

    def run(self, missing: list[LockedDependency]) -> None:
        """Fetch, check and move each into place; a jar is in the folder only whole."""
        self._say(f"Kafka: fetching {self._jars} jars (about 45 MB, once)")
        logging.getLogger("jgo").setLevel(logging.ERROR)
        with ThreadPoolExecutor(_PARALLEL_DOWNLOADS) as threads:
            for _ in threads.map(self._fetch, missing):
                pass
        self._say(f"Kafka: {self._jars} jars fetched, {self._bytes / 1e6:.1f} MB")

    def _fetch(self, jar: LockedDependency) -> None:
        try:
            for attempt in Retrying(
                stop=stop_after_attempt(4),
                wait=wait_exponential(max=8),
                retry=retry_if_exception_type(RequestException),
                reraise=True,
            ):
                with attempt:
                    self._fetch_once(jar)
        except (RequestException, RuntimeError) as error:
            raise EmbeddedServerError(f"cannot fetch {_file_name(jar)}: {error}") from error
        with self._mutex:
            self._done += 1

    def _fetch_once(self, jar: LockedDependency) -> None:
        # A fresh repository for each attempt: jgo would take the half of a broken download for the whole.
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=_PARTIAL) as repository:
            context = MavenContext(
                resolver=PythonResolver(progress_callback=self._progress),
                repo_cache=Path(repository),
                remote_repos=self._repositories,
                timeout=30,
            )
            component = context.project(jar.groupId, jar.artifactId).at_version(jar.version)
            fetched = component.artifact(jar.classifier or "", jar.packaging).resolve()
            _check(jar, fetched, "What the repository sent was thrown away.")
            fetched.replace(self._folder / _file_name(jar))

    @contextmanager
    def _progress(self, _name: str, _size: int) -> Iterator[Callable[[int], None]]:
        yield self._landed

    def _landed(self, count: int) -> None:
        with self._mutex:
            self._bytes += count
            now = time.monotonic()
            if now - self._said_at >= _SECONDS_BETWEEN_PROGRESS:
                self._said_at = now
                self._say(f"Kafka: {self._done} of {self._jars} jars, {self._bytes / 1e6:.1f} MB")
