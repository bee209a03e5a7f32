"""Analytics of random talk, told in any order and twice, held against a recount from the log."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas import ids
from schemas.envelope import canonical_time
from tests.integration.projections.desk import Desk
from tests.integration.projections.doings import Doings, opted
from tests.integration.projections.recount import (
    customers,
    handlings,
    instant,
    message_figures,
    queueings,
    session_figures,
)
from tests.integration.projections.support import ACME, composed, message, rows, status

pytestmark = pytest.mark.integration

START = datetime(2026, 11, 1, tzinfo=UTC)
SPAN = {"since": "2026-11-01T00:00:00Z", "until": "2027-01-01T00:00:00Z"}


def talk(dice: random.Random, steps: int = 150) -> list[bytes]:
    """Three threads over some weeks: questions, answers with statuses, queues, agents, endings."""
    now, told = START, []
    for number in range(steps):
        now += timedelta(seconds=dice.choice([1, 20, 600, 5_000, 40_000, 90_000]))
        customer, at = f"44770090012{dice.randrange(3)}", canonical_time(now)
        doings, agent = Doings(customer), f"{customer}-{dice.randrange(2)}"
        kind = dice.random()
        if kind < 0.35:
            told.append(message(ACME, f"wamid.{number}", at, customer=customer))
        elif kind < 0.65:
            told.append(composed(ACME, f"g-{number}", at, customer=customer))
            steps_taken = dice.sample(["sent", "delivered", "read", "failed"], dice.randrange(4))
            id = ids.genesys_message_id(ACME, f"g-{number}")
            told += [status(ACME, id, step, at, wamid=f"out.{number}") for step in steps_taken]
        else:
            doing = dice.choice(["closed", "queued", "joined", "left"])
            told.append(
                getattr(doings, doing)(at) if doing in ("closed", "queued") else getattr(doings, doing)(at, agent)
            )
    return told


async def test_analytics_equal_a_recount_whatever_the_order(desk: Desk) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    told = talk(dice)
    twice = [*told, *dice.sample(told, len(told) // 2)]
    dice.shuffle(twice)
    while twice:
        some, twice = twice[: (size := dice.randrange(1, 120))], twice[size:]
        await desk.tell(*some)
    await _messages(desk, told, seed)
    await _sessions(desk, told, seed)
    await _people(desk, told, seed)
    assert await rows(desk.admin, "SELECT count(*) FROM generation_0001.dead_letter") == [(0,)]


async def _asked(desk: Desk, name: str, **more: Any) -> list[dict[str, Any]]:
    answer = await desk.ask(f"/v1/analytics/{name}", **SPAN, **more)
    assert answer["next"] is None
    items: list[dict[str, Any]] = answer["items"]
    return items


async def _messages(desk: Desk, told: list[bytes], seed: int) -> None:
    expected = message_figures(told)
    shown = {(instant(i["period"]), i["direction"]): i for i in await _asked(desk, "messages")}
    assert shown.keys() == expected.keys(), seed
    for key, figures in expected.items():
        assert {name: shown[key][name] for name in figures} == figures, (seed, key)
        assert sum(shown[key]["failures"].values()) == figures["failed"]
    totals = await desk.ask("/v1/analytics/totals", **SPAN)
    assert totals["messages_in"] == sum(f["messages"] for (_, way), f in expected.items() if way == "inbound")
    assert totals["failed"] == sum(f["failed"] for f in expected.values())


async def _sessions(desk: Desk, told: list[bytes], seed: int) -> None:
    expected = session_figures(told)
    shown = {instant(i["period"]): i for i in await _asked(desk, "sessions")}
    assert shown.keys() == expected.keys(), seed
    for hour, figures in expected.items():
        found = {name: shown[hour][name] for name in figures}
        assert found == pytest.approx(figures), (seed, hour)
    [whole] = await _asked(desk, "sessions", by="total")
    assert whole["sessions"] == sum(f["sessions"] for f in expected.values())


async def _people(desk: Desk, told: list[bytes], seed: int) -> None:
    agents = {
        i["user_id"]: (i["joined"], i["present"], i["handle_seconds"]) for i in await _asked(desk, "agents", by="total")
    }
    assert agents == handlings(told), seed
    queued, answered, abandoned, waited = queueings(told)
    for queue in await _asked(desk, "queues", by="total"):
        assert (queue["queued"], queue["answered"], queue["abandoned"]) == (queued, answered, abandoned), seed
        assert (queue["waiting_seconds"] or 0) * answered == pytest.approx(waited), seed
    who = {instant(i["period"]): (i["new"], i["returning"]) for i in await _asked(desk, "customers")}
    assert who == customers(told), seed


async def test_an_opt_out_counts_until_it_is_taken_back(desk: Desk) -> None:
    await desk.tell(message(ACME, "wamid.1", "2026-11-02T10:00:00.000Z"), opted("out", "2026-11-02T10:01:00.000Z"))
    [choice] = await _asked(desk, "opt-outs")
    assert (choice["category"], choice["opted_out"], choice["opted_in"]) == ("marketing_messages", 1, 0)
    await desk.tell(opted("in", "2026-11-02T11:01:00.000Z"))
    [choice] = await _asked(desk, "opt-outs")
    assert (choice["opted_out"], choice["opted_in"], choice["period"][:13]) == (0, 1, "2026-11-02T11")


async def test_a_question_that_cannot_be_answered_says_why(desk: Desk) -> None:
    for wrong in (
        {**SPAN, "by": "week"},
        {"since": SPAN["since"]},
        {**SPAN, "since": "2026-11-01T00:30:00Z"},
        {"since": SPAN["until"], "until": SPAN["since"]},
    ):
        answer = await desk.client.get("/v1/analytics/messages", **wrong)
        assert answer.status_code == 400, wrong
