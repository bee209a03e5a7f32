"""A second process of senders beside the one that `up` keeps, and what can be read of any of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from relaylog.embedded.ports import free_ports
from tests.acceptance.stage import Stage
from tests.acceptance.system import clean_environment, until


def total(metrics: str, name: str, **labels: str) -> float:
    """Sum of a metric's samples with these labels; 0 when there is none."""
    families = text_string_to_metric_families(metrics)
    samples = (sample for family in families for sample in family.samples if sample.name == name)
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())


class Worker:
    """One more `relaylog agents`, or `project`, on the stage's servers."""

    def __init__(self, stage: Stage, log: Path, process: str = "agents", **settings: str) -> None:
        """``settings`` by their full name; the rest is as `up` gives it to its own."""
        [port] = free_ports(1)
        self._metrics = f"http://127.0.0.1:{port}/metrics"
        script = f'. "$0" && RELAYLOG_{process.upper()}_PORT="$1" exec "$2" -m relaylog {process}'
        argv = ["/bin/sh", "-c", script, str(stage.up.data / "environment"), str(port), sys.executable]
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                argv, env=clean_environment(**settings), stdout=output, stderr=output, start_new_session=True
            )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def partitions(self) -> float:
        """How many partitions it owns; 0 while it does not answer."""
        return partitions(self._metrics)

    def is_ready(self) -> bool:
        """Whether it has taken over what the group gave it."""
        answer = _asked(self._metrics.replace("/metrics", "/readyz"))
        return answer is not None and answer.status_code == httpx.codes.OK

    def total(self, name: str, **labels: str) -> float:
        """Sum of one of its metric's samples; 0 while it does not answer."""
        answer = _asked(self._metrics)
        return 0.0 if answer is None else total(answer.text, name, **labels)

    def wait_until_it_owns(self, count: int, patience: float = 60.0) -> None:
        """Return when the group has given it at least so many partitions."""
        until(f"{count} partitions at the second worker", lambda: self.partitions() >= count, patience)

    def terminate(self) -> int:
        """Ask it to stop; its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(30.0)

    def end(self) -> None:
        """Make sure that it is gone, whatever became of it."""
        if self._process.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
            self._process.wait()


def partitions(metrics: str) -> float:
    """How many partitions the sender with this address of metrics owns; 0 while it does not answer."""
    answer = _asked(metrics)
    return 0.0 if answer is None else total(answer.text, "relaylog_sender_partitions")


def _asked(address: str) -> httpx.Response | None:
    """None while it does not answer."""
    try:
        return httpx.get(address, timeout=2.0, trust_env=False)
    except httpx.TransportError:
        return None
