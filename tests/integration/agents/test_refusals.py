"""What the platforms refuse: what waits for a person keeps the queue, what concerns one message ends it and is told."""

import asyncio
import time
from typing import Any

import pytest

from schemas.envelope import decode_data
from schemas.outcomes import Ended, Failed
from tests.integration.agents.conftest import World

pytestmark = pytest.mark.integration

ANN, BOB, OWN_NUMBER = "447700900123", "447700900456", "15550001111"
GENESYS_ID = "c327c2078ca056db130c55ce648d9fa2"


def fault(do: str, operation: str = "message") -> dict[str, Any]:
    return {"match": {"operation": operation}, "do": do, "share": 1.0, "for": 600}


async def until(what: str, done: Any, seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not await done():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.05)


async def refusals(world: World, platform: str, operation: str = "message") -> list[dict[str, Any]]:
    return [row for row in await world.ledger(platform, operation) if not row["accepted"]]


async def talk(world: World, messages: int = 4) -> None:
    for n in range(messages):
        await world.says(ANN, f"wamid.A{n}", f"Ann {n}")
        await world.says(BOB, f"wamid.B{n}", f"Bob {n}")


async def all_arrived_in_order(world: World, messages: int = 4) -> None:
    rows = await world.received("genesys", 2 * messages)
    assert [r["body"]["text"] for r in rows if r["customer"] == ANN] == [f"Ann {n}" for n in range(messages)]
    assert [r["body"]["text"] for r in rows if r["customer"] == BOB] == [f"Bob {n}" for n in range(messages)]
    assert len(rows) == 2 * messages
    assert await world.outcomes("delivery.dead_lettered") == []
    assert await world.records("dead-letters") == []


async def failures(world: World) -> list[Failed]:
    """Attempts that failed; not those that made no call because the log was slow to show them, or a rate was known."""
    failed = [decode_data(event, Failed) for event in await world.outcomes("delivery.failed")]
    return [one for one in failed if one.failure.code != "not_called"]


@pytest.mark.parametrize("status", [403, 404])
async def test_a_deleted_integration_or_a_revoked_permission_keeps_the_queue(world: World, status: int) -> None:
    await world.faults("genesys", fault(f"status {status}"))
    world.start()
    await talk(world)

    async def two_threads_were_refused() -> bool:
        return len({row["customer"] for row in await refusals(world, "genesys")}) == 2

    await until("both threads were refused", two_threads_were_refused)
    await world.faults("genesys")
    # The operator's correction is a change of the tenant's record; nothing waits for the next probe.
    await world.configure()
    await all_arrived_in_order(world)


async def test_refused_credentials_keep_the_queue_and_spare_the_token_endpoint(world: World) -> None:
    await world.faults("genesys", fault("status 401", "token"))
    world.start()
    await talk(world)

    async def refused() -> bool:
        return len(await world.outcomes("delivery.failed")) >= 2

    await until("both threads met the refusal", refused)
    assert len(await world.ledger("genesys", "token")) == 1
    await world.faults("genesys")
    await world.configure()
    await all_arrived_in_order(world)


@pytest.mark.parametrize("world", [{"mints_per_minute": 1}], indirect=True)
async def test_minting_too_fast_is_a_rate_and_no_refusal(world: World) -> None:
    """Genesys says so with HTTP 400 and invalid_request (genesys.md section 1)."""
    await world.posts_by_hand(ANN, "wamid.first", "this took the only token of the minute")
    world.start()
    await talk(world, 1)
    failed = [decode_data(event, Failed) for event in await world.recorded("delivery.failed", 2)]
    assert {(one.status, one.failure.code) for one in failed} == {(429, "invalid_request")}
    assert len(await world.ledger("genesys", "token")) == 2
    assert await world.records("dead-letters") == []


@pytest.mark.parametrize("world", [{"pair_burst": 2, "pair_seconds": 2.0}], indirect=True)
async def test_a_pair_rate_makes_its_own_thread_wait_and_nobody_else(world: World) -> None:
    world.start(order_wait=0.05)
    for n in range(4):
        await world.answers(ANN, f"{n:032x}", f"to Ann {n}")
    await world.answers(BOB, f"{9:032x}", "to Bob")
    rows = await world.received("whatsapp", 5)
    texts = [row["body"]["text"]["body"] for row in rows]
    assert [text for text in texts if "Ann" in text] == [f"to Ann {n}" for n in range(4)]
    assert texts.index("to Bob") < texts.index("to Ann 3")
    assert {row["customer"] for row in await refusals(world, "whatsapp")} == {ANN}
    failed = await failures(world)
    assert {one.failure.code for one in failed} == {"131056"}
    assert await world.records("dead-letters") == []


@pytest.mark.parametrize("world", [{"messages_per_second": 2.0}], indirect=True)
async def test_a_numbers_throughput_is_a_rate_though_it_comes_as_400(world: World) -> None:
    world.start()
    for n in range(8):
        await world.answers(f"44770090{n:04d}", f"{n:032x}", f"to {n}")
    rows = await world.received("whatsapp", 8)
    assert len(rows) == 8
    failed = await failures(world)
    assert {(one.status, one.failure.code) for one in failed} == {(400, "130429")}
    assert await world.records("dead-letters") == []


async def test_a_refused_answer_is_kept_and_the_agent_is_told_why(world: World) -> None:
    world.start()
    fact = await world.answers(OWN_NUMBER, GENESYS_ID, "to ourselves")
    # The answer to a receipt that says Failed says Failed, too: it was taken.
    await world.recorded("delivery.accepted", 1)
    (receipt,) = await world.received("genesys", 1, "receipt")
    assert (receipt["body"]["id"], receipt["body"]["status"]) == (GENESYS_ID, "Failed")
    assert [reason["code"] for reason in receipt["body"]["reasons"]] == ["InvalidDestination"]
    (letter,) = await world.records("dead-letters")
    (ended,) = await world.recorded("delivery.dead_lettered", 1)
    given_up = decode_data(ended, Ended)
    assert letter.value == (await world.records("events"))[0].value
    assert fact.id.encode() in (letter.value or b"")
    assert (letter.header("reason") or b"").startswith(b"131021: ")
    assert letter.header("attempts") == b"1"
    assert letter.header("context-id") == (given_up.context_id or "").encode() != b""
