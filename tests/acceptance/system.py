"""A whole system as processes, started by `relaylog up` as a user would, and seen from outside only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

Seen = TypeVar("Seen")

START_SECONDS = 90.0
STOP_SECONDS = 60.0


def until(what: str, probe: Callable[[], Seen | None], patience: float = 30.0) -> Seen:
    """Ask ``probe`` until what it finds is true, and return that. Raises AssertionError naming ``what``."""
    deadline = time.monotonic() + patience
    while True:
        found = probe()
        if found:
            return found
        assert time.monotonic() < deadline, f"not seen within {patience:g} s: {what}"
        time.sleep(0.1)


def clean_environment(**settings: str) -> dict[str, str]:
    """This process's environment without the settings of whoever runs the tests, and with these."""
    return {name: value for name, value in os.environ.items() if not name.startswith("RELAYLOG_")} | settings


class UpProcess:
    """One `relaylog up`, from its start to its end."""

    def __init__(self, data: Path, *options: str, **settings: str) -> None:
        """``settings`` go into its environment, by their full name."""
        self.data = data
        data.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f"{data.name}-up-", suffix=".log", dir=data.parent)
        self._output = Path(name)
        argv = [sys.executable, "-m", "relaylog", "up", "--data", str(data), *options]
        with os.fdopen(descriptor, "wb") as output:
            self._process = subprocess.Popen(
                argv, env=clean_environment(**settings), stdout=output, stderr=output, start_new_session=True
            )

    @property
    def pid(self) -> int:
        """Process id of `up` itself."""
        return self._process.pid

    @property
    def output(self) -> str:
        """What it printed so far."""
        return self._output.read_text()

    @property
    def running_file(self) -> Path:
        """Where it says where everything is."""
        return self.data / "running.json"

    def family(self) -> list[psutil.Process]:
        """Every process that it started, directly or not, and that lives now."""
        try:
            return list(psutil.Process(self.pid).children(recursive=True))
        except psutil.NoSuchProcess:
            return []

    def wait_until_running(self) -> None:
        """Returns when `running.json` is there. Raises AssertionError with its output when it ends before."""

        def probe() -> bool:
            assert self._process.poll() is None, f"`up` ended with {self._process.returncode}:\n{self.output}"
            # One that was killed on the same folder may have left a file behind.
            return self.running_file.exists() and json.loads(self.running_file.read_text())["pid"] == self.pid

        until(f"{self.running_file}; it printed:\n{self.output}", probe, START_SECONDS)

    def wait(self, timeout: float = STOP_SECONDS) -> int:
        """Its exit code, once it has ended by itself."""
        return self._process.wait(timeout)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def stop(self) -> None:
        """Stop it as Ctrl-C does. Raises AssertionError unless it exits with 0 and leaves nothing running."""
        family = self.family()
        self.send(signal.SIGINT)
        code = self.wait()
        assert code == 0, f"`up` ended with {code}:\n{self.output}"
        assert_gone(family)
        assert not self.running_file.exists()

    def end(self) -> None:
        """Make sure that nothing of it is left, whatever a test did to it."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def assert_gone(processes: list[psutil.Process], patience: float = 15.0) -> None:
    """Raises AssertionError naming every process that is still there after ``patience`` seconds."""
    _, alive = psutil.wait_procs(processes, timeout=patience)
    assert not alive, f"still running: {[process.info if process.is_running() else process for process in alive]}"


class System:
    """A running system: its addresses, tenants and processes, as `running.json` has them now."""

    def __init__(self, up: UpProcess) -> None:
        self.up = up
        self.http = httpx.Client(timeout=30.0, trust_env=False)

    @property
    def running(self) -> dict[str, Any]:
        """Content of `running.json` at this moment."""
        content: dict[str, Any] = json.loads(self.up.running_file.read_text())
        return content

    def tenant(self, tenant_id: str = "acme") -> dict[str, Any]:
        """A demo tenant's entry."""
        return next(tenant for tenant in self.running["tenants"] if tenant["id"] == tenant_id)

    # The platforms' side.

    def customer_says(self, wa_id: str, message: Mapping[str, Any] | str, tenant_id: str = "acme") -> str:
        """A customer writes a text, or any message as in a webhook; returns its wamid."""
        if isinstance(message, str):
            message = {"type": "text", "text": {"body": message}}
        body = {"to": self.tenant(tenant_id)["whatsapp"]["phone_number_id"], "message": message}
        return self._said(f"{self.running['simulators']['whatsapp']}/_simulator/customers/{wa_id}/messages", body)

    def agent_says(self, wa_id: str, text: str | None = None, tenant_id: str = "acme", **said: Any) -> str:
        """An agent writes to a customer; returns the Genesys message id."""
        body = {"integration": self.tenant(tenant_id)["genesys"]["integration_id"], "to": wa_id, "text": text, **said}
        return self._said(f"{self.running['simulators']['genesys']}/_simulator/agents/messages", body)

    def ledger(self, platform: str, after: int = 0) -> list[dict[str, Any]]:
        """Every call that ``genesys`` or ``whatsapp`` received after row ``after``, in order of arrival."""
        return self._lines(f"{self.running['simulators'][platform]}/_simulator/ledger?after={after}")

    def books(self, platform: str) -> list[dict[str, Any]]:
        """Every message that ``genesys`` or ``whatsapp`` knows."""
        return self._lines(f"{self.running['simulators'][platform]}/_simulator/books")

    def set_limits(self, tenant_id: str = "acme", calls_per_minute: int = 60_000) -> None:
        """What both platforms allow the tenant from now on."""
        for address in self.running["simulators"].values():
            body = {"tenant": tenant_id, "calls_per_minute": calls_per_minute}
            self.http.put(f"{address}/_simulator/limits", json=body).raise_for_status()

    # relaylog's side.

    def ask(self, path: str, tenant_id: str = "acme", key: str | None = None) -> httpx.Response:
        """A query under the tenant's key, or another."""
        bearer = key or self.tenant(tenant_id)["api_key"]
        return self.http.get(f"{self.running['query']}{path}", headers={"Authorization": f"Bearer {bearer}"})

    def found(self, path: str, tenant_id: str = "acme") -> dict[str, Any] | None:
        """The answer to a query, None while it is 404 or the process is away."""
        try:
            answer = self.ask(path, tenant_id)
        except httpx.TransportError:
            return None
        if answer.status_code == 404 or answer.status_code >= 500:
            return None
        content: dict[str, Any] = answer.raise_for_status().json()
        return content

    def metrics(self, process: str) -> str:
        """The process's metrics as Prometheus reads them."""
        return self.http.get(self.running["metrics"][process]).raise_for_status().text

    def command(self, *arguments: str, timeout: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run `relaylog ARGUMENTS` against this system, as a user does after `. DIR/environment`."""
        script = '. "$0" && exec "$@"'
        argv = [
            "/bin/sh",
            "-c",
            script,
            str(self.up.data / "environment"),
            sys.executable,
            "-m",
            "relaylog",
            *arguments,
        ]
        return subprocess.run(
            argv, env=clean_environment(), capture_output=True, text=True, timeout=timeout, check=False
        )

    def pid(self, process: str) -> int:
        """Process id now."""
        return int(self.running["processes"][process])

    def kill(self, process: str) -> int:
        """SIGKILL it; returns the id that it had."""
        pid = self.pid(process)
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_restarted(self, process: str, old: int, patience: float = 60.0) -> int:
        """The new process id, once another process than ``old`` runs and, where it has a health route, is ready."""
        until(f"{process} is started again", lambda: self.pid(process) != old, patience)
        metrics = self.running["metrics"].get(process)
        if metrics:
            until(f"{process} is ready again", lambda: self._ready(metrics), patience)
        return self.pid(process)

    def close(self) -> None:
        """Close the connections of this object; the system goes on."""
        self.http.close()

    def _ready(self, metrics: str) -> bool:
        try:
            return self.http.get(metrics.replace("/metrics", "/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    def _said(self, address: str, body: Mapping[str, Any]) -> str:
        return str(self.http.post(address, json=body).raise_for_status().json()["id"])

    def _lines(self, address: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.http.get(address).raise_for_status().iter_lines()]
