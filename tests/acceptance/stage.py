"""What a test does to a running system: customers and agents who speak, programs that produce, processes that die."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import random
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
from aiokafka import AIOKafkaProducer

from schemas.ids import event_id
from tests.history.attempts import fold_attempts
from tests.history.checker import check
from tests.history.collect import PLATFORMS, bearer, collect
from tests.history.history import History, Platform, Report, Said

Seen = TypeVar("Seen")

#: For `up`: small figures, so that every part of a sender's life is met in seconds.
QUICK = {
    "RELAYLOG_CHECKPOINT_SECONDS": "1",
    "RELAYLOG_CHECKPOINT_RECORDS": "50",
    "RELAYLOG_CALL_TIMEOUT": "2",
    "RELAYLOG_SESSION_TIMEOUT": "6",
}
PATIENCE = 45.0
_POLL = 0.05


class NotSeen(AssertionError):
    """Something awaited did not come within the deadline."""


def until(what: str, probe: Callable[[], Seen | None], patience: float = PATIENCE) -> Seen:
    """Ask ``probe`` until it finds something. Raises NotSeen, naming what was awaited."""
    deadline = time.monotonic() + patience
    while not (found := probe()):
        if time.monotonic() > deadline:
            raise NotSeen(f"not seen within {patience:g} s: {what}")
        time.sleep(_POLL)
    return found


def seed() -> int:
    """Seed of this run: RELAYLOG_TEST_SEED, or a new one, which is printed."""
    chosen = int(os.environ.get("RELAYLOG_TEST_SEED") or random.SystemRandom().randrange(2**32))
    print(f"RELAYLOG_TEST_SEED={chosen}")
    return chosen


class Stage:
    """One running system, found by its `running.json`."""

    def __init__(self, running_file: Path, crash_file: Path | None = None) -> None:
        self._running_file = running_file
        self._crash_file = crash_file
        self._client = httpx.Client(timeout=30.0, trust_env=False)
        self._intake: list[Said] = []
        self._names: dict[str, str] = {}
        self._customers = random.Random(0)

    def close(self) -> None:
        self._client.close()

    @property
    def running(self) -> dict[str, Any]:
        """`running.json` as it is now."""
        content: dict[str, Any] = json.loads(self._running_file.read_text())
        return content

    @property
    def folder(self) -> Path:
        """The data folder of `up`."""
        return self._running_file.parent

    def tenant(self, id: str) -> dict[str, Any]:
        return next(tenant for tenant in self.running["tenants"] if tenant["id"] == id)

    def new_customer(self) -> str:
        """Digits of somebody who has never written, from the range that Ofcom keeps for fiction."""
        return f"447700{self._customers.randrange(900_000, 1_000_000)}"

    def raise_limits(self) -> None:
        """Let the simulated platforms take whatever comes, windows and rates apart."""
        for tenant in self.running["tenants"]:
            change = {"tenant": tenant["id"], "calls_per_minute": 60_000, "customer_window": False}
            for platform in PLATFORMS:
                self._simulator("PUT", platform, "limits", change)

    def faults(self, platform: Platform, *rules: dict[str, Any], seed: int = 1) -> None:
        """Put faults in force at a platform; none heals it."""
        self._simulator("PUT", platform, "faults", {"seed": seed, "rules": list(rules)})

    def customer_says(self, tenant: str, customer: str, what: str | dict[str, Any]) -> str:
        """A customer writes a text or sends a message as in a webhook; its wamid."""
        message = {"type": "text", "text": {"body": what}} if isinstance(what, str) else what
        said = {"to": self.tenant(tenant)["whatsapp"]["phone_number_id"], "message": message}
        return str(self._simulator("POST", "whatsapp", f"customers/{customer}/messages", said)["id"])

    def agent_says(self, tenant: str, customer: str, text: str | None = None, **more: Any) -> str:
        """An agent writes; the Genesys message id."""
        said = {"integration": self.tenant(tenant)["genesys"]["integration_id"], "to": customer, "text": text, **more}
        return str(self._simulator("POST", "genesys", "agents/messages", said)["id"])

    def device(self, customer: str, **change: Any) -> None:
        """Tell a customer's telephone how to behave."""
        self._simulator("PUT", "whatsapp", f"customers/{customer}", change)

    @staticmethod
    def now() -> str:
        """The present as a CloudEvent writes it."""
        return datetime.now(UTC).isoformat()

    def knows(self, wa_id: str, user_id: str) -> None:
        """Tell the checker that the two are one customer."""
        self._names[wa_id] = user_id

    def post(self, platform: Platform, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Use another control route of a simulator."""
        return self._simulator("POST", platform, path, body)

    def _simulator(self, method: str, platform: Platform, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        url = f"{self.running['simulators'][platform]}/_simulator/{path}"
        answer = self._client.request(method, url, json=dict(body))
        assert answer.is_success, f"{method} {url}: {answer.status_code} {answer.text}"
        content: dict[str, Any] = answer.json()
        return content

    def books(self, platform: Platform, **wanted: Any) -> list[dict[str, Any]]:
        """Lines of a platform's books with these values."""
        return self._lines(platform, "books", wanted)

    def ledger(self, platform: Platform, **wanted: Any) -> list[dict[str, Any]]:
        """Calls that a platform received, with these values."""
        return self._lines(platform, "ledger", wanted)

    def booked(self, platform: Platform, **wanted: Any) -> dict[str, Any]:
        """The one line of a platform's books with these values, awaited."""
        return until(f"{wanted} in the books of {platform}", lambda: self.books(platform, **wanted))[0]

    def _lines(self, platform: Platform, page: str, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        answer = self._client.get(f"{self.running['simulators'][platform]}/_simulator/{page}")
        lines = [json.loads(line) for line in answer.content.splitlines()]
        return [line for line in lines if all(line[name] == value for name, value in wanted.items())]

    def webhook(self, path: str, body: bytes, signature: str) -> httpx.Response:
        """Post to the gateway as a platform does, with the patience of Genesys (genesys.md 4.3)."""
        headers = {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={signature}"}
        url = f"{self.running['gateway']}/webhooks/{path}"
        return self._client.post(url, content=body, headers=headers, timeout=10.0)

    def gateway(self, path: str, **parameters: str) -> httpx.Response:
        return self._client.get(f"{self.running['gateway']}{path}", params=parameters)

    def query(self, tenant: str, path: str, **parameters: str) -> httpx.Response:
        """Ask the query API with a tenant's key."""
        headers = bearer(self.tenant(tenant)["api_key"])
        return self._client.get(f"{self.running['query']}{path}", params=parameters, headers=headers)

    def message(self, tenant: str, id: str, **wanted: Any) -> dict[str, Any]:
        """A message as the query API shows it, awaited until it has these values."""

        def probe() -> dict[str, Any] | None:
            answer = self.query(tenant, f"/v1/messages/{id}")
            shown: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
            return shown if shown and all(shown[name] == value for name, value in wanted.items()) else None

        return until(f"message {id} of {tenant} with {wanted}", probe)

    def produce(self, tenant: str, event: dict[str, Any], secret: str | None = None) -> str:
        """Append an event to `intake` as another program does; the id that relaylog makes of it.

        With a ``secret`` of one's own the signature is not the tenant's, and nothing is expected of the event.
        """
        key = self.tenant(tenant)["produce_key"]
        value = json.dumps(event).encode()
        mac = hmac.new((secret or key["secret"]).encode(), value, hashlib.sha256).hexdigest()
        headers = [("relaylog-key-id", key["id"].encode()), ("relaylog-signature", f"sha256={mac}".encode())]
        asyncio.run(_append(self.running["kafka"], "relaylog.intake", value, headers))
        id = event_id(tenant, "intake", event["type"], event["source"], event["id"])
        if secret is None:
            outbound = event["type"] == "message.composed"
            customer = frozenset(event["data"]["customer"].values())
            text = event["data"]["content"].get("text")
            direction: Any = "outbound" if outbound else "inbound"
            self._intake.append(Said(tenant, "intake", id, customer, text, direction=direction))
        return id

    def history(self, *, look_across: bool) -> History:
        """What the run has left behind so far."""
        history = asyncio.run(collect(self.running, self._intake, look_across=look_across))
        return replace(history, said=tuple(self._with_all_names(said) for said in history.said))

    def _with_all_names(self, said: Said) -> Said:
        both = {name for pair in self._names.items() if said.customers & set(pair) for name in pair}
        return replace(said, customers=said.customers | both) if both else said

    def settled(self, patience: float = 60.0, *, look_across: bool = False) -> tuple[History, Report]:
        """Wait until everything that was said has arrived and is shown; the history and its report, clean or not."""
        deadline, before = time.monotonic() + patience, -1
        while time.monotonic() < deadline:
            history = self.history(look_across=False)
            report = check(history)
            if _at_rest(history, report) and len(history.calls) == before:
                break
            before = len(history.calls)
        history = self.history(look_across=look_across)
        return history, check(history)

    def pid(self, process: str) -> int:
        return int(self.running["processes"][process])

    def kill(self, process: str, sig: signal.Signals = signal.SIGKILL) -> int:
        """Signal a process; its id."""
        pid = self.pid(process)
        os.kill(pid, sig)
        return pid

    def terminate(self, process: str) -> int:
        """Ask a process to stop; its id."""
        return self.kill(process, signal.SIGTERM)

    def returned(self, process: str, former: int) -> None:
        """Wait until `up` has put another process in the place of ``former``, and it is ready."""
        until(f"another {process} than process {former}", lambda: self.pid(process) != former)
        if process in self.running["metrics"]:
            until(f"{process} is ready", lambda: self.ready(process))

    def ready(self, process: str) -> bool:
        try:
            return self._client.get(self.running["metrics"][process].replace("/metrics", "/readyz")).is_success
        except httpx.TransportError:
            return False

    def metrics(self, process: str) -> str:
        return self._client.get(self.running["metrics"][process]).text

    def arm(self, point: str) -> None:
        """Let the next process that reaches this crash point kill itself there."""
        assert self._crash_file is not None
        fresh = self._crash_file.with_suffix(".new")
        fresh.write_text(point)
        fresh.replace(self._crash_file)

    @property
    def fired(self) -> bool:
        """True when a process has met the armed point."""
        assert self._crash_file is not None
        return not self._crash_file.exists()


def _at_rest(history: History, report: Report) -> bool:
    waiting = [said for said in history.said if not said.accepted]
    unanswered = fold_attempts(history.outcomes).unanswered()
    return not (waiting or unanswered or report.lost or report.differing)


async def _append(address: str, topic: str, value: bytes, headers: list[tuple[str, bytes]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=address, acks="all")
    await producer.start()
    try:
        await producer.send_and_wait(topic, value, headers=headers)
    finally:
        await producer.stop()
