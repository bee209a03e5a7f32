"""Servers go away: delivery needs only Kafka and the two platforms, and what Kafka cannot take is answered 503."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import signal

import psutil

from tests.acceptance.stage import Stage
from tests.acceptance.system import until
from tests.acceptance.talk import Talk

pytest_plugins = ["tests.acceptance.stages"]


def halt(pid: int) -> None:
    """Stop a server and its children without killing them: it is there, and answers nobody."""
    server = psutil.Process(pid)
    for process in (server, *server.children(recursive=True)):
        os.kill(process.pid, signal.SIGSTOP)


def test_messages_flow_without_postgres_and_redis(stage: Stage, talk: Talk) -> None:
    customer = stage.new_customer()
    for server in ("postgres", "redis"):
        halt(stage.pid(server))
    wamid = stage.customer_says(customer, "Are you there?")
    stage.line("genesys", wamid=wamid)
    answer = stage.agent_says(customer, "As ever")
    stage.received(customer)
    stage.line("genesys", id=answer, receipt="Delivered")
    talk.say(20)
    for server in ("postgres", "redis"):
        stage.wait_restarted(server, stage.kill(server))
    _, report = stage.settled(patience=90, look_across=True)
    assert report.clean, str(report)


def test_the_gateway_refuses_while_kafka_is_away_and_takes_everything_after(stage: Stage, talk: Talk) -> None:
    talk.say(20)
    former = stage.pid("kafka")
    halt(former)
    refused = update(stage, "while Kafka is away")
    answer = stage.webhook(*refused)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    talk.say(10)
    stage.wait_restarted("kafka", stage.kill("kafka"))
    accepted = until("the gateway to take it again", lambda: taken(stage, refused))
    assert accepted == 1
    talk.say(10)
    _, report = stage.settled(patience=90)
    assert report.clean, str(report)


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
