"""Conversations from their beginning to their end, held against an account that no fold has made."""

from __future__ import annotations

import json
import random

import pytest

from schemas import ids
from streams.topics import OUTCOMES
from tests.integration.projections.desk import Desk
from tests.integration.projections.doings import GENESYS, Doings
from tests.integration.projections.oracle import judge
from tests.integration.projections.support import (
    ACME,
    append,
    composed,
    message,
    rows,
    status,
)
from tests.integration.projections.traffic import traffic

pytestmark = pytest.mark.integration


def at(minute: int, second: int = 0) -> str:
    return f"2026-11-22T10:{minute:02d}:{second:02d}.000Z"


async def test_a_conversation_from_its_queue_to_its_end(desk: Desk) -> None:
    doings = Doings()
    await desk.tell(message(ACME, "wamid.1", at(0)), doings.opened(at(0, 1)), doings.queued(at(0, 2)))
    shown = await desk.conversation()
    assert (shown["state"], shown["genesys_conversation_ids"], shown["messages_in"]) == ("waiting", [GENESYS], 1)

    await desk.tell(
        doings.joined(at(1), "p-1", name="Bea"), doings.noted(at(1, 1), added=("vip",), priority=3, order="47")
    )
    shown = await desk.conversation()
    assert (shown["state"], shown["labels"], shown["priority"], shown["attributes"]) == (
        *("active", ["vip"], 3),
        {"order": "47"},
    )
    [agent] = shown["participants"]
    assert (agent["name"], agent["role"], agent["present"]) == ("Bea", "agent", True)

    await desk.tell(message(ACME, "wamid.2", at(2)))
    assert (await desk.conversation())["state"] == "waiting"
    await desk.tell(
        composed(ACME, "g-1", at(3)), doings.left(at(4), "p-1"), doings.noted(at(4), removed=("vip",), order=None)
    )
    shown = await desk.conversation()
    assert (shown["state"], shown["labels"], shown["attributes"]) == ("active", [], {})
    assert (shown["participants"][0]["present"], shown["participants"][0]["left_at"][:19]) == (False, at(4)[:19])

    await desk.tell(doings.closed(at(5)))
    shown = await desk.conversation()
    assert (shown["state"], shown["state_reason"], shown["messages_in"], shown["messages_out"]) == (
        "closed",
        "solved",
        2,
        1,
    )

    await desk.tell(message(ACME, "wamid.3", at(6)))
    shown = await desk.conversation()
    assert (shown["state"], shown["state_reason"]) == ("waiting", None)


async def test_an_error_has_its_reason_until_something_comes_after_it(desk: Desk) -> None:
    doings = Doings()
    await desk.tell(message(ACME, "wamid.1", at(0)), doings.failed(at(1)))
    shown = await desk.conversation()
    assert (shown["state"], shown["failure_code"]) == ("error", "error.flow")
    assert shown["state_reason"] == "The flow ended with an error"
    id = ids.genesys_message_id(ACME, "g-1")
    await desk.tell(composed(ACME, "g-1", at(2)), status(ACME, id, "failed", at(2, 5)))
    shown = await desk.conversation()
    assert (shown["state"], shown["failure_code"], shown["state_reason"]) == (
        "error",
        "131047",
        "Re-engagement message",
    )
    await desk.tell(message(ACME, "wamid.2", at(3)))
    shown = await desk.conversation()
    assert (shown["state"], shown["failure_code"], shown["state_reason"]) == ("waiting", None, None)


async def test_one_thread_has_many_genesys_conversations_and_each_leads_back_to_it(desk: Desk) -> None:
    first, second = Doings(genesys="g-first"), Doings(genesys="g-second")
    await desk.tell(
        message(ACME, "wamid.1", at(0)),
        first.opened(at(0, 1)),
        first.closed(at(1)),
        second.opened(at(2)),
        first.opened(at(3)),
    )
    shown = await desk.conversation()
    assert shown["genesys_conversation_ids"] == ["g-first", "g-second"]
    for genesys in shown["genesys_conversation_ids"]:
        [mapping] = (await desk.ask("/v1/mappings", genesys_conversation_id=genesys))["items"]
        assert mapping["conversation_id"] == shown["id"]


async def test_random_traffic_in_any_order_and_twice_is_shown_as_an_account_by_hand_says(desk: Desk) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    events, results = traffic(dice)
    twice = [*events, *dice.sample(events, len(events) // 2)]
    dice.shuffle(twice)
    lines, accounts = judge(events, results)
    await append(desk.settings, OUTCOMES, [*results, *results])
    while twice:
        some, twice = twice[: (size := dice.randrange(1, 60))], twice[size:]
        await desk.tell(*some)
    for id, line in lines.items():
        shown = await desk.ask(f"/v1/messages/{id}")
        assert (shown["direction"], shown["text"]) == (line.direction, line.text)
        assert shown["status"] == line.status, (seed, id)
    for subject, account in accounts.items():
        shown = await desk.ask(f"/v1/conversations/{ids.conversation_id(ACME, subject)}")
        assert (shown["messages_in"], shown["messages_out"]) == (account.messages_in, account.messages_out)
        assert shown["state"] == account.state, (seed, subject)
        if account.state == "closed":
            assert shown["state_reason"] == account.reason
        assert set(shown["labels"]) == account.labels
        assert shown["attributes"] == account.attributes
        assert {p["id"] for p in shown["participants"] if p["present"]} == account.present
    await _recount(desk)


async def _recount(desk: Desk) -> None:
    """Counters and times of conversations against the table of messages, by plain SQL."""
    differing = await rows(
        desk.admin,
        """SELECT c.conversation_id FROM generation_0001.conversation c
             LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE direction = 'inbound') AS messages_in,
                                       count(*) FILTER (WHERE direction = 'outbound') AS messages_out,
                                       max(at) FILTER (WHERE direction = 'inbound') AS last_inbound_at,
                                       max(at) FILTER (WHERE direction = 'outbound') AS last_outbound_at
                                  FROM generation_0001.message m
                                 WHERE m.tenant_id = c.tenant_id AND m.conversation_id = c.conversation_id
                                   AND m.recorded_at IS NOT NULL) n ON true
            WHERE (c.messages_in, c.messages_out) <> (n.messages_in, n.messages_out)
               OR c.last_inbound_at IS DISTINCT FROM n.last_inbound_at
               OR c.last_outbound_at IS DISTINCT FROM n.last_outbound_at""",
    )
    assert differing == []


async def test_a_source_whose_clock_is_two_hours_ahead_freezes_nothing(desk: Desk) -> None:
    id = ids.genesys_message_id(ACME, "g-1")
    ahead = json.loads(composed(ACME, "g-1", "2026-11-22T12:00:00.000Z"))
    ahead["recordedtime"] = at(0)
    await desk.tell(json.dumps(ahead).encode(), status(ACME, id, "delivered", at(1)), message(ACME, "wamid.1", at(2)))
    shown = await desk.conversation()
    assert (shown["state"], shown["last_activity_at"][:19]) == ("waiting", at(2)[:19])
    assert (await desk.ask(f"/v1/messages/{id}"))["at"][:19] == at(0)[:19]
