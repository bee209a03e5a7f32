"""What an agent's desk is shown: everything, in one answer and one round trip to Postgres."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from projections.query.callers import Caller
from projections.query.tables import Tables, connection_pool
from schemas import ids
from schemas.envelope import canonical_time
from schemas.parts import Person
from streams.settings import Settings
from tests.conftest import Database
from tests.integration.projections.asking import api_key
from tests.integration.projections.desk import Desk
from tests.integration.projections.doings import CUSTOMER, GENESYS, Doings, alias_added, opted, updated
from tests.integration.projections.round_trips import counting
from tests.integration.projections.support import ACME, GLOBEX, composed, eventually, message, rows, status, subject_of

pytestmark = pytest.mark.integration

FORMER = "447700900321"
CALLER = Caller("relaylog_query", (ACME,), "all", False)


def ago(**past: float) -> str:
    return canonical_time(datetime.now(UTC) - timedelta(**past))


async def test_a_desk_is_shown_the_customer_the_window_and_what_was_said(desk: Desk) -> None:
    doings = Doings()
    answer = ids.genesys_message_id(ACME, "g-1")
    await desk.tell(
        message(ACME, "wamid.old", ago(days=40), customer=FORMER, text="long ago"),
        alias_added(ago(days=30), Person(wa_id=FORMER), Person(wa_id=CUSTOMER, name="Ann"), FORMER, CUSTOMER),
        message(ACME, "wamid.1", ago(hours=3), text="Where is it?"),
        doings.opened(ago(hours=2.9)),
        doings.queued(ago(hours=2.8)),
        doings.joined(ago(hours=2.7), "p-1", name="Bea"),
        composed(ACME, "g-1", ago(hours=2), text="On its way."),
        status(ACME, answer, "read", ago(hours=1.9)),
        doings.noted(ago(hours=1.8), added=("parcel",), priority=2, order="47"),
        message(ACME, "wamid.2", asked := ago(hours=1), text="Thank you"),
        message(ACME, "wamid.3", ago(minutes=30), text="When?"),
        opted("out", ago(days=1)),
        updated(ago(days=2), language="de"),
    )
    customer = ids.customer_id(ACME, f"pseudonym-{CUSTOMER}")
    await desk.client.put(f"/v1/customers/{customer}/context", {"tier": "gold"}, If_None_Match="*")
    shown = await desk.ask(f"/v1/contexts/{GENESYS}")
    assert [(m["text"], m["status"]) for m in shown["messages"]] == [
        *[("Where is it?", "pending"), ("On its way.", "read"), ("Thank you", "pending"), ("When?", "pending")]
    ]
    thread = shown["conversation"]
    assert (thread["state"], thread["labels"], thread["priority"], thread["attributes"]) == (
        *("waiting", ["parcel"], 2),
        {"order": "47"},
    )
    assert datetime.fromisoformat(shown["waiting_since"]) == datetime.fromisoformat(asked)
    assert [(p["name"], p["present"]) for p in thread["participants"]] == [("Bea", True)]
    [other] = shown["other_conversations"]
    assert other["id"] == ids.conversation_id(ACME, subject_of(FORMER))
    person = shown["customer"]
    assert (person["opted_out"], person["profile"]) == (["marketing_messages"], {"language": "de"})
    assert (person["context"]["document"], person["merged_ids"]) == (
        {"tier": "gold"},
        [ids.customer_id(ACME, f"pseudonym-{FORMER}")],
    )
    assert {number["e164"] for number in person["numbers"]} == {f"+{CUSTOMER}", f"+{FORMER}"}
    ends = datetime.fromisoformat(shown["window"]["ends_at"])
    assert shown["window"]["open"]
    assert timedelta(hours=23) < ends - datetime.now(UTC) < timedelta(hours=23.6)


async def test_the_window_ends_a_day_after_the_customers_last_word_whatever_we_say(desk: Desk) -> None:
    doings = Doings()
    await desk.tell(
        message(ACME, "wamid.1", ago(hours=24.5)), doings.opened(ago(hours=24)), composed(ACME, "g-1", ago(hours=1))
    )
    assert not (await desk.ask(f"/v1/contexts/{GENESYS}"))["window"]["open"]
    await desk.tell(message(ACME, "wamid.2", ago(hours=23.9)))
    assert (await desk.ask(f"/v1/contexts/{GENESYS}"))["window"]["open"]


async def test_a_desk_sees_nothing_of_another_tenant(desk: Desk) -> None:
    await desk.tell(message(ACME, "wamid.1", ago(hours=1)), Doings().opened(ago(hours=1)))
    assert (await desk.client.get("/v1/contexts/nobody-knows")).status_code == 404
    assert (await desk.client.get(f"/v1/contexts/{GENESYS}", api_key(GLOBEX))).status_code == 401
    assert (await desk.client.get(f"/v1/contexts/{GENESYS}", "operator-key", tenant=GLOBEX)).status_code == 404
    assert (await desk.client.get(f"/v1/contexts/{GENESYS}", "operator-key")).status_code == 200


async def test_a_desk_costs_one_round_trip_to_postgres(desk: Desk) -> None:
    await desk.tell(message(ACME, "wamid.1", ago(hours=1)), Doings().opened(ago(hours=1)))
    async with counting(desk.settings.postgres_query) as counted:
        pool = connection_pool(desk.settings.model_copy(update={"postgres_query": counted.address}))
        await pool.open()
        tables = Tables(pool)
        wanted = {"genesys_conversation_id": GENESYS, "messages": 30, "threads": 20}
        assert await tables.rows(CALLER, "desk", **wanted)
        before = counted.round_trips
        for _ in range(10):
            assert await tables.rows(CALLER, "desk", **wanted)
        spent = counted.round_trips - before
        await pool.close()
    assert spent == 10


async def test_connections_severed_in_the_pool_are_replaced_without_an_error(
    system: Settings, postgres_database: Database
) -> None:
    pool = connection_pool(system)
    await pool.open()
    tables = Tables(pool)
    for _ in range(3):
        assert await tables.rows(CALLER, "message", id=ids.genesys_message_id(ACME, "g-1")) == []
        sever = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'relaylog_api'"
        assert await rows(postgres_database.superuser_address, sever)

        async def gone() -> bool:
            left = "SELECT FROM pg_stat_activity WHERE usename = 'relaylog_api'"
            return not await rows(postgres_database.superuser_address, left)

        await eventually(gone)
    await pool.close()
