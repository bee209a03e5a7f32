"""Time travel: what was as of an instant, held against an account by hand of the facts up to it."""

from __future__ import annotations

import json
import random
from datetime import datetime
from typing import Any

import pytest

from schemas import ids
from streams.topics import OUTCOMES
from tests.integration.projections.desk import Desk
from tests.integration.projections.doings import GENESYS, Doings
from tests.integration.projections.oracle import judge
from tests.integration.projections.support import ACME, append, composed, message, status, subject_of
from tests.integration.projections.traffic import traffic

pytestmark = pytest.mark.integration

CONVERSATION = f"/v1/conversations/{ids.conversation_id(ACME, subject_of('447700900123'))}"
ANSWER = f"/v1/messages/{ids.genesys_message_id(ACME, 'g-1')}"


def at(minute: int, second: int = 0) -> str:
    return f"2026-11-22T10:{minute:02d}:{second:02d}.000Z"


def merge_time(value: bytes) -> str:
    fact = json.loads(value)
    return str(min(fact["time"], fact["recordedtime"]))


async def story(desk: Desk) -> None:
    doings, id = Doings(), ids.genesys_message_id(ACME, "g-1")
    await desk.tell(
        message(ACME, "wamid.1", at(0)),
        doings.queued(at(1)),
        doings.joined(at(2), "p-1", name="Bea"),
        doings.noted(at(3), added=("vip",), order="47"),
        composed(ACME, "g-1", at(4)),
        status(ACME, id, "sent", at(4, 1)),
        status(ACME, id, "failed", at(4, 5)),
        status(ACME, id, "delivered", at(4, 9)),
        doings.noted(at(5), removed=("vip",), order=None),
        doings.left(at(6), "p-1"),
        doings.closed(at(7)),
    )


async def test_a_message_as_of_each_of_its_steps(desk: Desk) -> None:
    await story(desk)
    seen = []
    for second in (0, 1, 4, 5, 8, 9):
        shown = await desk.ask(ANSWER, as_of=at(4, second))
        seen.append((shown["status"], shown["failure_code"]))
    assert seen == [
        *[("pending", None), ("sent", None), ("sent", None)],
        *[("failed", "131047"), ("failed", "131047"), ("delivered", "131047")],
    ]
    assert (await desk.client.get(ANSWER, as_of=at(3))).status_code == 404
    changed = await desk.ask(f"{ANSWER}/changes", **{"from": at(4, 1), "to": at(4, 5)})
    assert changed["changed"]["status"] == {"before": "sent", "after": "failed"}
    assert changed["changed"].keys() == {"status", "failed_at", "failure_code", "failure_reason"}
    assert [entry["type"] for entry in changed["entries"]] == ["status.failed"]


async def test_a_conversation_as_of_each_of_its_states_and_its_history(desk: Desk) -> None:
    await story(desk)
    history = (await desk.ask(f"{CONVERSATION}/history"))["items"]
    states = [(entry["time"], entry["state"], entry["reason"]) for entry in history if entry["state"]]
    assert states == [
        (at(0), "waiting", None),
        (at(2), "active", None),
        (at(4, 5), "error", "Re-engagement message"),
        (at(4, 9), "active", None),
        (at(7), "closed", "solved"),
    ]
    assert [entry["words"] for entry in history if entry["role"]] == ["Bea joined (agent)", "(no name) left (agent)"]
    for time, state, reason in states:
        shown = await desk.ask(CONVERSATION, as_of=time)
        assert (shown["state"], shown["state_reason"]) == (state, reason)
    shown = await desk.ask(CONVERSATION, as_of=at(3))
    assert (shown["labels"], shown["attributes"], shown["messages_out"]) == (["vip"], {"order": "47"}, 0)
    assert [(p["name"], p["present"]) for p in shown["participants"]] == [("Bea", True)]
    changes = await desk.ask(f"{CONVERSATION}/changes", **{"from": at(4, 30), "to": at(8)})
    assert {"state", "state_reason", "labels", "attributes", "participants", "closed_at"} == changes["changed"].keys()
    assert [entry["type"] for entry in changes["entries"]] == [
        *["conversation.attributes_changed", "conversation.participant_left"],
        *["conversation.closed", "conversation.state_changed"],
    ]
    begun = await desk.ask(f"{CONVERSATION}/changes", **{"from": "2026-01-01T00:00:00Z", "to": at(0)})
    assert (begun["before"], begun["changed"]["state"]) == (None, {"before": None, "after": "waiting"})


async def test_any_instant_of_random_traffic_is_shown_as_an_account_by_hand_of_its_facts(desk: Desk) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    events, results = traffic(dice)
    await append(desk.settings, OUTCOMES, results)
    await desk.tell(*dice.sample(events, len(events)))
    times = sorted(map(merge_time, [*events, *results]))
    for instant in [*dice.sample(times, 6), times[-1]]:
        lines, accounts = judge(
            [event for event in events if merge_time(event) <= instant],
            [result for result in results if merge_time(result) <= instant],
        )
        for id, line in lines.items():
            shown = await desk.ask(f"/v1/messages/{id}", as_of=instant)
            assert (shown["status"], shown["text"]) == (line.status, line.text), (seed, instant, id)
        for subject, account in accounts.items():
            path = f"/v1/conversations/{ids.conversation_id(ACME, subject)}"
            shown = await desk.ask(path, as_of=instant)
            assert (shown["messages_in"], shown["messages_out"]) == (account.messages_in, account.messages_out)
            assert (shown["state"], set(shown["labels"])) == (account.state, account.labels), (seed, instant, subject)
            assert shown["attributes"] == account.attributes
            assert {p["id"] for p in shown["participants"] if p["present"]} == account.present
            assert await _state_by_history(desk, path, instant) == account.state, (seed, instant, subject)
    for id in lines:
        assert await desk.ask(f"/v1/messages/{id}", as_of=times[-1]) == await desk.ask(f"/v1/messages/{id}")
    for subject in accounts:
        path = f"/v1/conversations/{ids.conversation_id(ACME, subject)}"
        assert await desk.ask(path, as_of=times[-1]) == await desk.ask(path)


async def _state_by_history(desk: Desk, path: str, instant: str) -> Any:
    items = (await desk.ask(f"{path}/history"))["items"]
    until = datetime.fromisoformat(instant)
    states = [item["state"] for item in items if item["state"] and datetime.fromisoformat(item["time"]) <= until]
    # Facts that say nothing of its state leave it waiting.
    return states[-1] if states else "waiting"


NO_INSTANTS: list[tuple[str, dict[str, str]]] = [
    (CONVERSATION, {"as_of": "yesterday"}),
    (CONVERSATION, {"as_of": "2026-11-22T10:00:00"}),
    (f"{CONVERSATION}/changes", {"from": at(1)}),
    (f"{CONVERSATION}/changes", {"from": at(2), "to": at(1)}),
    (f"{ANSWER}/changes", {"from": "", "to": at(1)}),
]


async def test_what_is_no_instant_is_a_problem(desk: Desk, subtests: pytest.Subtests) -> None:
    for path, parameters in NO_INSTANTS:
        with subtests.test(path, **parameters):
            answer = await desk.client.get(path, **parameters)
            assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")


async def test_genesys_conversations_appear_when_they_began(desk: Desk) -> None:
    await desk.tell(message(ACME, "wamid.1", at(0)), Doings().opened(at(2)), Doings(genesys="g-later").opened(at(4)))
    for minute, known in ((1, []), (3, [GENESYS]), (5, [GENESYS, "g-later"])):
        assert (await desk.ask(CONVERSATION, as_of=at(minute)))["genesys_conversation_ids"] == known
