"""A running system as a stage: people who speak, programs that produce, processes that die, and the judge."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import random
import signal
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.ids import event_id
from tests.acceptance.system import System, UpProcess, until
from tests.history.attempts import fold_attempts
from tests.history.checker import check
from tests.history.collect import PLATFORMS, collect
from tests.history.facts import Facts
from tests.history.history import History, Platform, Report, Said

#: For `up`: small figures, so that every part of a sender's life is met in seconds.
QUICK = {
    "RELAYLOG_CHECKPOINT_SECONDS": "1",
    "RELAYLOG_CHECKPOINT_RECORDS": "50",
    "RELAYLOG_CALL_TIMEOUT": "2",
    "RELAYLOG_SESSION_TIMEOUT": "6",
}
_POLL = 0.2


class Stage(System):
    """A system with everything that tests do to it."""

    def __init__(self, up: UpProcess, crash_file: Path) -> None:
        super().__init__(up)
        self._crash_file = crash_file
        self._produced: list[Said] = []
        self._names: dict[str, str] = {}
        self._numbers = random.Random(0)

    # The platforms and the people there.

    def new_customer(self) -> str:
        """Digits of somebody who has never written, from the range that Ofcom keeps for fiction."""
        return f"447700{self._numbers.randrange(900_000, 1_000_000)}"

    def raise_limits(self) -> None:
        """Let the platforms take whatever comes: rates, pair rates and the customer window apart."""
        for tenant in self.running["tenants"]:
            change = {"tenant": tenant["id"], "calls_per_minute": 60_000, "customer_window": False}
            for platform in PLATFORMS:
                self.control("PUT", platform, "limits", change)

    def device(self, customer: str, **change: Any) -> None:
        """Tell a customer's telephone how to behave."""
        self.control("PUT", "whatsapp", f"customers/{customer}", change)
        if "user_id" in change:
            self._names[customer] = change["user_id"]

    def control(self, method: str, platform: Platform, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Use a control route of a simulator."""
        url = f"{self.running['simulators'][platform]}/_simulator/{path}"
        answer = self.http.request(method, url, json=dict(body))
        assert answer.is_success, f"{method} {url}: {answer.status_code} {answer.text}"
        content: dict[str, Any] = answer.json()
        return content

    def lines(self, platform: Platform, **wanted: Any) -> list[dict[str, Any]]:
        """Lines of a platform's books with these values."""
        return _with(self.books(platform), wanted)

    def line(self, platform: Platform, **wanted: Any) -> dict[str, Any]:
        """The first line of a platform's books with these values, awaited."""
        return until(f"{wanted} in the books of {platform}", lambda: self.lines(platform, **wanted) or None)[0]

    def received(self, customer: str) -> dict[str, Any]:
        """The first message that a customer has been shown and has read, awaited."""
        return self.line("whatsapp", direction="outbound", customer=customer, status="read")

    def calls(self, platform: Platform, **wanted: Any) -> list[dict[str, Any]]:
        """Calls that a platform received, with these values."""
        return _with(self.ledger(platform), wanted)

    # relaylog's side.

    def webhook(self, path: str, body: bytes, signature: str) -> httpx.Response:
        """Post to the gateway as a platform does, with the patience of Genesys (genesys.md 4.3)."""
        headers = {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={signature}"}
        url = f"{self.running['gateway']}/webhooks/{path}"
        return self.http.post(url, content=body, headers=headers, timeout=10.0)

    def message(self, id: str, tenant_id: str = "acme", **wanted: Any) -> dict[str, Any]:
        """A message as the query API shows it, awaited until it has these values."""

        def probe() -> dict[str, Any] | None:
            found = self.found(f"/v1/messages/{id}", tenant_id)
            return found if found and all(found[name] == value for name, value in wanted.items()) else None

        return until(f"message {id} of {tenant_id} with {wanted}", probe)

    def mappings(self, tenant_id: str = "acme", **wanted: str) -> list[dict[str, Any]]:
        """What the query API finds by a platform's id."""
        found = self.found(f"/v1/mappings?{urlencode(wanted)}", tenant_id)
        return list(found["items"]) if found else []

    def mapping(self, **wanted: str) -> dict[str, Any]:
        """The one mapping with this id, awaited."""
        found = until(f"a mapping with {wanted}", lambda: self.mappings(**wanted) or None)
        assert len(found) == 1, found
        return found[0]

    def produce(self, event: dict[str, Any], *, secret: str | None = None) -> str:
        """Append an event to `intake` as another program does; the id that relaylog makes of it.

        With a ``secret`` of one's own the signature is not the tenant's, and nothing is expected of the event.
        """
        tenant = event["tenantid"]
        key = self.tenant(tenant)["produce_key"]
        value = json.dumps(event).encode()
        mac = hmac.new((secret or key["secret"]).encode(), value, hashlib.sha256).hexdigest()
        headers = [("relaylog-key-id", key["id"].encode()), ("relaylog-signature", f"sha256={mac}".encode())]
        asyncio.run(_append(self.running["kafka"], "relaylog.intake", value, headers))
        id = event_id(tenant, "intake", event["type"], event["source"], event["id"])
        if secret is None:
            data, outbound = event["data"], event["type"] == "message.composed"
            names, text = frozenset(data["customer"].values()), data["content"].get("text")
            said = Said(tenant, "intake", id, names, text, direction="outbound" if outbound else "inbound")
            self._produced.append(said)
        return id

    @staticmethod
    def now() -> str:
        """The present as a CloudEvent writes it."""
        return datetime.now(UTC).isoformat().replace("+00:00", "Z")

    # The end of processes.

    def terminate(self, process: str) -> int:
        """Ask a process to stop; the id that it has."""
        pid = self.pid(process)
        os.kill(pid, signal.SIGTERM)
        return pid

    def arm(self, point: str) -> None:
        """Let the next process that reaches this crash point kill itself there."""
        fresh = self._crash_file.with_suffix(".new")
        fresh.write_text(point)
        fresh.replace(self._crash_file)

    def fired(self) -> bool:
        """True when a process has met the armed point."""
        return not self._crash_file.exists()

    # The judge.

    def history(self, *, look_across: bool) -> History:
        """What the run has left behind so far."""
        history = asyncio.run(collect(self.running, self._produced, look_across=look_across))
        return replace(history, said=tuple(self._with_all_names(said) for said in history.said))

    def _with_all_names(self, said: Said) -> Said:
        both = {name for pair in self._names.items() if said.customers & set(pair) for name in pair}
        return replace(said, customers=said.customers | both) if both else said

    def judged(self, patience: float = 60.0, *, look_across: bool = False) -> tuple[History, Report]:
        """Wait until everything that was said has arrived and is shown; the history and its report.

        Raises AssertionError with the report unless it is clean and everything that was said was taken over.
        """
        self._await_rest(time.monotonic() + patience)
        history = self.history(look_across=look_across)
        report = check(history)
        assert report.clean, str(report)
        refused = [said for said in history.said if not said.accepted]
        assert not refused, f"never answered with 200: {refused}"
        return history, report

    def _await_rest(self, deadline: float) -> None:
        before = -1
        while time.monotonic() < deadline:
            try:
                history = self.history(look_across=False)
            except (httpx.HTTPError, KafkaError):
                # A server that a test has killed is still on its way back.
                time.sleep(_POLL)
                continue
            if _at_rest(history, check(history)) and len(history.calls) == before:
                return
            before = len(history.calls)


def _at_rest(history: History, report: Report) -> bool:
    waiting = [said for said in history.said if not said.accepted]
    unanswered = fold_attempts(history.outcomes, Facts(history.events).redrive_at).unanswered()
    return not (waiting or unanswered or report.lost or report.differing)


def _with(lines: list[dict[str, Any]], wanted: dict[str, Any]) -> list[dict[str, Any]]:
    return [line for line in lines if all(line[name] == value for name, value in wanted.items())]


async def _append(address: str, topic: str, value: bytes, headers: list[tuple[str, bytes]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=address, acks="all")
    await producer.start()
    try:
        await producer.send_and_wait(topic, value, headers=headers)
    finally:
        await producer.stop()
