"""Servers go away: delivery needs only Kafka and the two platforms, and what Kafka cannot take is answered 503."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain

import psutil

from tests.acceptance.stage import Stage
from tests.acceptance.system import until
from tests.acceptance.talk import Talk

pytest_plugins = ["tests.acceptance.stages"]


@contextmanager
def halted(stage: Stage, *servers: str) -> Iterator[None]:
    """Let servers be there and answer nobody; at the end they are killed, and awaited."""
    former = {server: stage.pid(server) for server in servers}
    families = [family(pid) for pid in former.values()]
    for process in chain(*families):
        process.suspend()
    try:
        yield
    finally:
        for process in chain(*families):
            with suppress(psutil.NoSuchProcess):
                process.kill()
    for server, pid in former.items():
        stage.wait_restarted(server, pid)


def family(pid: int) -> list[psutil.Process]:
    server = psutil.Process(pid)
    return [server, *server.children(recursive=True)]


def test_messages_flow_without_postgres_and_redis(stage: Stage, talk: Talk) -> None:
    customer = stage.new_customer()
    with halted(stage, "postgres", "redis"):
        wamid = stage.customer_says(customer, "Are you there?")
        stage.line("genesys", wamid=wamid)
        answer = stage.agent_says(customer, "As ever")
        stage.received(customer)
        stage.line("genesys", id=answer, receipt="Delivered")
        talk.say(20)
    stage.judged(patience=90, look_across=True)


def test_the_gateway_refuses_while_kafka_is_away_and_takes_everything_after(stage: Stage, talk: Talk) -> None:
    talk.say(20)
    refused = update(stage, "while Kafka is away")
    with halted(stage, "kafka"):
        answer = stage.webhook(*refused)
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        talk.say(10)
    assert until("the gateway to take it again", lambda: taken(stage, refused)) == 1
    talk.say(10)
    stage.judged(patience=90)


def taken(stage: Stage, request: tuple[str, bytes, str]) -> int | None:
    answer = stage.webhook(*request)
    return int(answer.json()["accepted"]) if answer.status_code == 200 else None


def update(stage: Stage, text: str) -> tuple[str, bytes, str]:
    """Path, body and signature of a webhook by which an agent's typing is told: a fact that demands no call."""
    genesys = stage.tenant("acme")["genesys"]
    channel = {
        "id": genesys["integration_id"],
        "platform": "Open",
        "type": "Private",
        "to": {"id": stage.new_customer(), "idType": "Phone"},
        "from": {"id": genesys["integration_id"], "idType": "Opaque", "nickname": text},
        "time": stage.now().replace("+00:00", "Z"),
    }
    typing = [{"eventType": "Typing", "typing": {"type": "On", "duration": 5000}}]
    message = {"id": "0" * 31 + "1", "channel": channel, "type": "Event", "direction": "Outbound", "events": typing}
    body = json.dumps(message).encode()
    mac = hmac.digest(genesys["webhook_secret"].encode(), body, hashlib.sha256)
    return f"genesys/{genesys['integration_id']}", body, base64.b64encode(mac).decode()
