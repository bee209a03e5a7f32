"""What tables and queries say about messages that were redriven, and about dead letters that a person settled."""

from __future__ import annotations

import itertools

import pytest

from projections.verify import verify
from projections.worker import serve as serve_project
from schemas import ids, outcomes
from schemas.envelope import decode, encode
from schemas.events import Failure
from schemas.folds.fold import fold
from schemas.folds.views import Views
from schemas.redriving import given_up, redriven
from streams.dead_letters import Mark, dead_letter, dead_letter_id, mark_entry
from streams.log import log_writer
from streams.settings import Settings
from streams.topics import EVENTS, OUTCOMES
from tests.conftest import Database
from tests.integration.projections.asking import asking, register
from tests.integration.projections.support import (
    ACME,
    accepted,
    append,
    composed,
    eventually,
    folded,
    outcome,
    rows,
    running,
    status,
)

pytestmark = pytest.mark.integration


def at(seconds: float) -> str:
    return f"2026-11-22T10:00:{seconds:06.3f}Z"


def given_up_at(message: str, seconds: float, offset: int) -> bytes:
    failure = Failure(code="131047", reason="window closed")
    record = outcomes.Ended(delivery=message, offset=offset, platform="whatsapp", term=0, failure=failure)
    return outcome(ACME, "dead_lettered", at(seconds), record)


def redrive(fact: bytes, seconds: float) -> bytes:
    return encode(redriven(given_up(decode(fact), 0), number=1, reason="corrected", by="op", at=at(seconds)))


async def test_tables_and_fold_agree_on_every_history(system: Settings, postgres_database: Database) -> None:
    """Failed, redriven, accepted and failed again, at times before, at and after each other, whole seconds or not."""
    expected = {}
    events, results = [], []
    moments = itertools.product((1.0, 2.0, 2.4), (None, 2.0, 2.4, 3.0), (None, 2.6))
    for number, (failed, redriven_at, taken) in enumerate(moments):
        fact = composed(ACME, f"genesys-{number}", at(0))
        id = ids.genesys_message_id(ACME, f"genesys-{number}")
        said = [fact, status(ACME, id, "failed", at(failed), wamid=f"wamid.{number}")]
        said += [redrive(fact, redriven_at)] if redriven_at is not None else []
        done = [accepted(ACME, id, at(taken), platform="whatsapp", remote=f"w{number}")] if taken is not None else []
        views = Views()
        for record in said + done:
            fold(record, views)
        expected[id] = views.message[ACME, id].status
        events += said
        results += done
    await append(system, EVENTS, events)
    await append(system, OUTCOMES, results)
    async with running(serve_project, system):
        await eventually(lambda: folded(system, postgres_database.superuser_address))
    found = await rows(
        postgres_database.superuser_address, "SELECT message_id::text, status FROM generation_0001.message"
    )
    assert dict(found) == expected
    assert set(expected.values()) == {"failed", "pending", "sent"}


async def test_a_redriven_message_is_sent_and_its_timeline_says_all(
    system: Settings, postgres_database: Database
) -> None:
    fact, id = composed(ACME, "genesys-1", at(1)), ids.genesys_message_id(ACME, "genesys-1")
    await register(system, ACME)
    await append(system, EVENTS, [fact, redrive(fact, 5.5)])
    taken = outcomes.Accepted(delivery=id, offset=1, platform="whatsapp", term=0, status=200)
    await append(system, OUTCOMES, [given_up_at(id, 3.5, 0), outcome(ACME, "accepted", at(6.5), taken)])
    async with running(serve_project, system), asking(system) as client:
        await eventually(lambda: folded(system, postgres_database.superuser_address))
        message = (await client.get(f"/v1/messages/{id}")).json()
        assert message["status"] == "sent" and message["redriven_at"] and message["failed_at"]
        timeline = (await client.get(f"/v1/messages/{id}/timeline")).json()["items"]
    assert [entry["type"] for entry in timeline] == [
        "message.composed",
        "delivery.dead_lettered",
        "delivery.redriven",
        "delivery.accepted",
    ]
    assert timeline[2]["words"] == "An operator had it sent again: corrected" and timeline[2]["platform"] is None


async def test_a_settled_dead_letter_shows_its_state(system: Settings, postgres_database: Database) -> None:
    await register(system, ACME)
    names = ("open", "discarded", "redriven", "both")
    letters = {name: dead_letter_id(f"webhooks/{name}", b"{") for name in names}
    marks: list[tuple[Mark, str]] = [
        *(("discards", "discarded"), ("redrives", "redriven")),
        *(("redrives", "both"), ("discards", "both")),
    ]
    async with log_writer(system) as writer:
        for name in names:
            await dead_letter(
                writer,
                partition=0,
                tenant=ACME,
                value=b"{",
                reason=name,
                origin=f"webhooks/{name}",
                handler="gateway",
                context_id=f"trace-{name}",
            )
        for mark, name in marks:
            entry = mark_entry(mark, letters[name], partition=0, tenant=ACME, reason="why", by="op", at=at(1))
            await writer.append_all([entry], timeout=10)
    async with running(serve_project, system), asking(system) as client:
        await eventually(lambda: folded(system, postgres_database.superuser_address))
        items = (await client.get("/v1/dead-letters")).json()["items"]
        result = await verify(system, lambda _: None)
    assert {item["reason"]: item["state"] for item in items} == {
        "open": "open",
        "discarded": "discarded",
        "redriven": "redriven",
        "both": "redriven",
    }
    assert {item["letter_id"] for item in items} == set(letters.values())
    assert all(item["context_id"] == f"trace-{item['reason']}" for item in items)
    assert result.agrees and result.rows >= 8
