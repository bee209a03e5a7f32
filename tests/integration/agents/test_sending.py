"""The sender on real Kafka: what facts demand arrives once, in order, and the log says what was done."""

import time

import pytest

from agents.service import SenderStopped
from schemas.envelope import decode_data
from schemas.outcomes import Accepted
from tests.integration.agents.conftest import World

pytestmark = pytest.mark.integration


async def test_a_thread_arrives_in_order_and_the_log_tells_how(world: World) -> None:
    world.start()
    for n in range(20):
        await world.says("447700900123", f"wamid.{n}", f"text {n}")
    rows = await world.received("genesys", 20)
    assert [row["body"]["text"] for row in rows] == [f"text {n}" for n in range(20)]
    accepted = await world.recorded("delivery.accepted", 20)
    assert len(await world.outcomes("delivery.attempted")) == 20
    genesys_ids = [decode_data(event, Accepted).personal.message for event in accepted]
    assert len(set(genesys_ids)) == 20


async def test_an_answer_reaches_whatsapp_with_callback_data(world: World) -> None:
    world.start()
    await world.answers("447700900123", "c327c2078ca056db130c55ce648d9fa2", "Hello Ann")
    (row,) = await world.received("whatsapp", 1)
    assert row["body"]["text"]["body"] == "Hello Ann"
    assert "c327c2078ca056db130c55ce648d9fa2" in row["id"]
    assert len(row["id"]) < 128


async def test_a_copy_of_a_fact_is_sent_once(world: World) -> None:
    world.start()
    event = await world.says("447700900123", "wamid.A", "once")
    await world.append(event)
    await world.says("447700900123", "wamid.B", "last")
    rows = await world.received("genesys", 2)
    assert [row["body"]["text"] for row in rows] == ["once", "last"]


async def test_a_second_start_sends_nothing_again(world: World) -> None:
    world.start()
    for n in range(5):
        await world.says("447700900123", f"wamid.{n}", f"text {n}")
    await world.received("genesys", 5)
    await world.stop()
    world.start()
    await world.says("447700900123", "wamid.last", "last")
    rows = await world.received("genesys", 6)
    assert [row["body"]["text"] for row in rows] == [*(f"text {n}" for n in range(5)), "last"]


async def test_a_refused_message_is_kept_and_the_thread_goes_on(world: World) -> None:
    await world.faults("genesys", {"match": {"operation": "message"}, "do": "status 400", "share": 1.0, "for": 60})
    world.start()
    await world.says("447700900123", "wamid.bad", "bad")
    await world.recorded("delivery.dead_lettered", 1)
    await world.faults("genesys")
    await world.says("447700900123", "wamid.good", "good")
    rows = await world.received("genesys", 1)
    assert [row["body"]["text"] for row in rows] == ["good"]
    (letter,) = await world.records("dead-letters")
    assert b"wamid.bad" in (letter.value or b"")


async def test_a_copy_from_long_before_the_window_is_found_in_the_log(world: World) -> None:
    """Meta retries a webhook for days: the copy comes when the first one has long left the duplicate window."""
    world.start(duplicate_window=0.5)
    an_hour_ago = time.time() - 3600
    first = await world.says("447700900123", "wamid.old", "old", at=an_hour_ago)
    await world.received("genesys", 1)
    for n in range(6):
        await world.says("447700900999", f"wamid.{n}", "filler")
    await world.received("genesys", 7)
    await world.append(first)
    await world.says("447700900123", "wamid.new", "new")
    rows = await world.received("genesys", 8)
    assert [r["body"]["text"] for r in rows if r["customer"] == "447700900123"] == ["old", "new"]


async def test_a_lost_answer_is_sent_again_and_stands_in_the_log_as_such(world: World) -> None:
    await world.faults("genesys", {"match": {"operation": "message"}, "do": "drop answer", "share": 1.0, "for": 60})
    world.start()
    await world.says("447700900123", "wamid.A", "twice")
    await world.received("genesys", 1)
    await world.faults("genesys")
    rows = await world.received("genesys", 2)
    assert {row["id"] for row in rows} == {"wamid.A"}
    await world.recorded("delivery.accepted", 1)
    attempts = await world.outcomes("delivery.attempted", "delivery.failed")
    # An attempt that took over a second to be shown is made anew, so on a busy machine there may be one more.
    assert len(attempts) >= 2
    assert {event.type for event in attempts} == {"delivery.attempted"}


async def test_a_refused_token_is_minted_anew_once(world: World) -> None:
    world.start()
    await world.says("447700900123", "wamid.A", "first")
    await world.received("genesys", 1)
    await world.faults("genesys", {"match": {"operation": "message"}, "do": "status 401", "share": 1.0, "for": 600})
    await world.says("447700900123", "wamid.B", "second")
    # Refused, with a new token refused again, and from then on it waits.
    await world.recorded("delivery.failed", 2)
    assert len(await world.ledger("genesys", "token")) == 2
    await world.faults("genesys")
    await world.configure()
    await world.received("genesys", 2)
    assert await world.outcomes("delivery.dead_lettered") == []


async def test_a_second_sender_joins_and_the_first_leaves_under_load(world: World) -> None:
    world.start()
    senders, total = 8, 240
    for n in range(total):
        await world.says(f"44770090{n % senders:04d}", f"wamid.{n}", f"{n}")
        if n == total // 3:
            world.start()
        if n == 2 * total // 3:
            await world.stop()
    rows = await world.received("genesys", total)
    for sender in range(senders):
        texts = [int(row["body"]["text"]) for row in rows if row["customer"] == f"44770090{sender:04d}"]
        assert texts == sorted(set(texts))
    assert len({row["id"] for row in rows}) == total


async def test_a_thread_whose_destination_fills_its_places_goes_on_from_the_log(world: World) -> None:
    """More facts than places: the destination falls behind, the sweep feeds it, nothing is lost or reordered."""
    world.start(places=4)
    for n in range(60):
        await world.says(f"44770090{n % 3:04d}", f"wamid.{n}", f"{n}")
    rows = await world.received("genesys", 60)
    for customer in {row["customer"] for row in rows}:
        texts = [int(row["body"]["text"]) for row in rows if row["customer"] == customer]
        assert texts == sorted(texts)
    assert len(rows) == 60


async def test_a_foreign_claim_fences_the_sender_until_it_claims_again(world: World) -> None:
    world.start()
    await world.says("447700900123", "wamid.A", "before")
    await world.received("genesys", 1)
    await world.claim_by_nobody()
    await world.says("447700900123", "wamid.B", "after")
    rows = await world.received("genesys", 2)
    assert [row["body"]["text"] for row in rows] == ["before", "after"]
    claims = await world.outcomes("sender.took_over")
    assert len(claims) == 3


async def test_a_checkpoint_of_another_cluster_is_refused(world: World) -> None:
    await world.checkpoint_of_another_cluster()
    world.start()
    task, _ = world.running.pop()
    with pytest.raises(SenderStopped, match="belongs to Kafka cluster elsewhere"):
        await task
