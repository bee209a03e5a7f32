"""The query API over folded conversations: shapes, both directions of the mapping, isolation, cache."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import jsonschema
import openapi_spec_validator
import pytest

from projections.worker import serve as serve_project
from schemas import ids
from schemas.envelope import encode, envelope
from schemas.events import AliasData, AliasPersonal, Person
from streams.dead_letters import dead_letter
from streams.log import LogWriter
from streams.settings import Settings
from streams.topics import EVENTS, OUTCOMES
from tests.conftest import Database
from tests.integration.projections.asking import QueryClient, api_key, asking, register
from tests.integration.projections.support import (
    ACME,
    CHANNEL,
    GLOBEX,
    Conversation,
    accepted,
    append,
    append_conversations,
    composed,
    eventually,
    folded,
    message,
    rows,
    running,
    status,
    subject_of,
)

pytestmark = pytest.mark.integration


@dataclass
class World:
    """A system with folded conversations of two tenants."""

    settings: Settings
    client: QueryClient
    admin: str
    acme: list[Conversation]
    globex: list[Conversation]

    async def settle(self) -> None:
        """Wait until the tables hold what the log does."""
        await eventually(lambda: folded(self.settings, self.admin))

    async def ok(self, path: str, key: str = api_key(ACME), **parameters: Any) -> Any:
        answer = await self.client.get(path, key, **parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
async def world(system: Settings, postgres_database: Database) -> AsyncIterator[World]:
    await register(system, ACME, GLOBEX)
    acme = await append_conversations(system, 5)
    globex = await append_conversations(system, 2, tenant=GLOBEX, partition=1)
    async with running(serve_project, system), asking(system) as client:
        made = World(system, client, postgres_database.superuser_address, acme, globex)
        await made.settle()
        yield made


async def test_a_message_has_both_ids_and_its_status(world: World) -> None:
    outbound = await world.ok(f"/v1/messages/{world.acme[0].outbound}")
    assert (outbound["direction"], outbound["status"]) == ("outbound", "read")
    assert (outbound["whatsapp_id"], outbound["genesys_id"]) == ("wamid.out.0", "genesys-0")
    inbound = await world.ok(f"/v1/messages/{world.acme[0].inbound}")
    assert (inbound["whatsapp_id"], inbound["genesys_id"], inbound["status"]) == ("wamid.0", "taken-0", "sent")
    assert inbound["text"] == "Question 0\twith a tab, a \\ and\na line"


async def test_mappings_lead_from_either_side_to_the_same_message(world: World) -> None:
    for number, made in enumerate(world.acme):
        [by_whatsapp] = (await world.ok("/v1/mappings", whatsapp_message_id=f"wamid.out.{number}"))["items"]
        [by_genesys] = (await world.ok("/v1/mappings", genesys_message_id=f"genesys-{number}"))["items"]
        assert by_whatsapp == by_genesys
        assert by_whatsapp["message_id"] == made.outbound
    by_number = (await world.ok("/v1/mappings", wa_id="447700900000"))["items"]
    by_thread = (await world.ok("/v1/mappings", genesys_conversation_id="conversation-1"))["items"]
    assert by_number[0]["conversation_id"] in {item["conversation_id"] for item in by_thread}
    assert len(by_thread) == 3


async def test_every_part_of_a_long_message_is_mapped_and_only_the_last_moves_it(world: World) -> None:
    id = ids.genesys_message_id(ACME, "long")
    at = "2026-11-22T12:00:0{}.000Z".format
    await append(
        world.settings,
        EVENTS,
        [
            status(ACME, id, "read", at(5), wamid="wamid.part.1", part=1, parts=2),
            composed(ACME, "long", at(1)),
            status(ACME, id, "delivered", at(6), wamid="wamid.part.2", part=2, parts=2),
        ],
    )
    taken = [
        accepted(ACME, id, at(part), platform="whatsapp", remote=f"wamid.part.{part}", part=part, parts=2)
        for part in (1, 2)
    ]
    await append(world.settings, OUTCOMES, taken)
    await world.settle()
    for part in (1, 2):
        [mapping] = (await world.ok("/v1/mappings", whatsapp_message_id=f"wamid.part.{part}"))["items"]
        assert (mapping["message_id"], mapping["whatsapp_message_id"]) == (id, "wamid.part.1")
    assert (await world.ok(f"/v1/messages/{id}"))["status"] == "delivered"


async def test_a_status_may_come_before_its_message(world: World) -> None:
    id = ids.genesys_message_id(ACME, "late")
    await append(
        world.settings, EVENTS, [status(ACME, id, "delivered", "2026-11-22T12:00:02.000Z", wamid="wamid.late")]
    )
    await world.settle()
    assert (await world.client.get(f"/v1/messages/{id}")).status_code == 404
    await append(world.settings, EVENTS, [composed(ACME, "late", "2026-11-22T12:00:01.000Z")])
    await world.settle()
    shown = await world.ok(f"/v1/messages/{id}")
    assert (shown["status"], shown["whatsapp_id"], shown["kind"]) == ("delivered", "wamid.late", "text")


async def test_the_timeline_begins_with_the_message_and_has_words(world: World) -> None:
    entries = (await world.ok(f"/v1/messages/{world.acme[0].outbound}/timeline"))["items"]
    assert [entry["type"] for entry in entries] == [
        "message.composed",
        "status.sent",
        "status.delivered",
        "status.read",
        "delivery.accepted",
    ]
    assert all(entry["words"] for entry in entries)
    inbound = (await world.ok(f"/v1/messages/{world.acme[0].inbound}/timeline"))["items"]
    assert [entry["type"] for entry in inbound] == ["message.received", "delivery.attempted", "delivery.accepted"]
    assert inbound[2]["words"] == "Genesys Cloud accepted the message"


async def test_lists_are_paged_without_loss(world: World) -> None:
    seen, cursor = [], None
    while True:
        page = await world.ok("/v1/conversations", limit=1, **({"cursor": cursor} if cursor else {}))
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 3
    first = await world.ok(f"/v1/conversations/{seen[-1]}/messages", limit=3)
    rest = await world.ok(f"/v1/conversations/{seen[-1]}/messages", limit=3, cursor=first["next"])
    times = [item["at"] for item in first["items"] + rest["items"]]
    assert len(times) == 4
    assert times == sorted(times)


async def test_a_conversation_waits_or_is_in_error(world: World) -> None:
    path = f"/v1/conversations/{ids.conversation_id(ACME, subject_of('447700900000'))}"
    assert (await world.ok(path))["state"] == "active"
    await append(
        world.settings, EVENTS, [message(ACME, "wamid.new", "2026-11-22T13:00:00.000Z", customer="447700900000")]
    )
    await world.settle()
    assert (await world.ok(path))["state"] == "waiting"
    id = ids.genesys_message_id(ACME, "fails")
    fails = [
        status(ACME, id, "failed", "2026-11-22T13:00:05.000Z", wamid="wamid.f"),
        composed(ACME, "fails", "2026-11-22T13:00:05.400Z", customer="447700900000"),
    ]
    await append(world.settings, EVENTS, fails)
    await world.settle()
    assert (await world.ok(path))["state"] == "error"
    delivered = status(ACME, id, "delivered", "2026-11-22T13:00:06.000Z", wamid="wamid.f")
    await append(world.settings, EVENTS, [delivered])
    await world.settle()
    assert (await world.ok(path))["state"] == "active", "what arrived did not fail (whatsapp.md section 3)"


async def test_merged_identities_resolve_to_one_customer(world: World) -> None:
    old, new = "447700900000", "447700900099"
    data = AliasData(
        channel=CHANNEL,
        customer=f"pseudonym-{old}",
        new_customer=f"pseudonym-{new}",
        personal=AliasPersonal(previous=Person(wa_id=old), current=Person(wa_id=new, name="Ann")),
    )
    at = "2026-11-22T14:00:00.000Z"
    changed = envelope(
        id=ids.event_id(ACME, "whatsapp", "alias", "1"),
        type="customer.alias_added",
        source="whatsapp/1",
        time=at,
        recordedtime=at,
        data=data,
        tenantid=ACME,
    )
    await append(world.settings, EVENTS, [encode(changed)])
    await world.settle()
    was, now = (ids.customer_id(ACME, f"pseudonym-{number}") for number in (old, new))
    by_old, by_new = await world.ok(f"/v1/customers/{was}"), await world.ok(f"/v1/customers/{now}")
    assert by_old == by_new
    assert (by_old["id"], by_old["merged_ids"], by_old["wa_id"]) == (now, [was], new)
    assert ids.conversation_id(ACME, subject_of(old)) in by_old["conversation_ids"]


async def test_an_unchanged_resource_is_not_sent_again(world: World) -> None:
    path = f"/v1/messages/{world.acme[0].outbound}"
    first = await world.client.get(path)
    async with httpx.AsyncClient(base_url=first.url.copy_with(path="/", query=None)) as http:
        headers = {"Authorization": f"Bearer {api_key(ACME)}", "If-None-Match": first.headers["ETag"]}
        assert (await http.get(path, headers=headers)).status_code == 304


ASKED_WRONGLY: list[tuple[str, dict[str, str], int]] = [
    ("/v1/conversations", {"limit": "0"}, 400),
    ("/v1/conversations", {"limit": "many"}, 400),
    ("/v1/conversations", {"cursor": "nonsense"}, 400),
    ("/v1/mappings", {}, 400),
    ("/v1/mappings", {"wa_id": "1", "genesys_message_id": "2"}, 400),
    ("/v1/messages/not-an-id", {}, 404),
    ("/v1/nothing", {}, 404),
]


async def test_what_is_asked_wrongly_is_a_problem(world: World, subtests: pytest.Subtests) -> None:
    for path, parameters, expected in ASKED_WRONGLY:
        with subtests.test(path, **parameters):
            answer = await world.client.get(path, **parameters)
            assert (answer.status_code, answer.headers["Content-Type"]) == (expected, "application/problem+json")


async def test_without_a_valid_key_nothing_is_shown(world: World) -> None:
    for key in ("", "wrong", "operator-key-but-longer"):
        assert (await world.client.get("/v1/conversations", key)).status_code == 401


async def test_a_tenant_sees_nothing_of_another(world: World) -> None:
    conversation = ids.conversation_id(ACME, subject_of("447700900000"))
    customer = ids.customer_id(ACME, "pseudonym-447700900000")
    stranger = api_key(GLOBEX)
    for path in (
        *(f"/v1/messages/{id}{rest}" for id in world.acme[0][2:] for rest in ("", "/timeline")),
        *(f"/v1/conversations/{conversation}{rest}" for rest in ("", "/messages")),
        f"/v1/customers/{customer}",
    ):
        assert (await world.client.get(path)).status_code == 200, "a test that could not fail otherwise"
        assert (await world.client.get(path, stranger)).status_code == 404
        assert (await world.client.get(path, stranger, tenant=ACME)).status_code == 404
    assert (await world.ok("/v1/mappings", stranger, whatsapp_message_id="wamid.out.4"))["items"] == []


async def test_the_operator_sees_all_and_may_look_at_one(world: World) -> None:
    assert len((await world.ok("/v1/conversations", "operator-key"))["items"]) == 4
    assert len((await world.ok("/v1/conversations", "operator-key", tenant=GLOBEX))["items"]) == 1
    assert (await world.ok(f"/v1/messages/{world.globex[0].inbound}", "operator-key"))["tenant_id"] == GLOBEX


async def test_dead_letters_are_shown_to_their_tenant_and_those_of_nobody_to_the_operator(world: World) -> None:
    writer = LogWriter(world.settings)
    await writer.start()
    for tenant in (ACME, GLOBEX, None):
        await dead_letter(
            writer,
            partition=0,
            tenant=tenant,
            value=b"\x00\xff{",
            reason="not JSON",
            origin="/webhooks",
            handler="gateway",
        )
    await writer.stop()
    await world.settle()
    [own] = (await world.ok("/v1/dead-letters"))["items"]
    assert (own["tenant_id"], own["reason"], own["bytes"]) == (ACME, "not JSON", "AP97")
    everything = await world.ok("/v1/dead-letters", "operator-key", limit=2)
    rest = await world.ok("/v1/dead-letters", "operator-key", limit=2, cursor=everything["next"])
    assert {item["tenant_id"] for item in everything["items"] + rest["items"]} == {ACME, GLOBEX, None}


async def test_answers_are_as_the_description_says(world: World) -> None:
    description = await world.ok("/openapi.json", "")
    openapi_spec_validator.validate(description)
    conversation = ids.conversation_id(ACME, subject_of("447700900000"))
    customer = ids.customer_id(ACME, "pseudonym-447700900000")
    await world.client.put(f"/v1/customers/{customer}/context", {"tier": "gold"}, If_None_Match="*")
    between = "from=2026-11-22T10:00:00Z&to=2026-11-23T10:00:00Z"
    paths = {
        "/v1/conversations": "/v1/conversations",
        "/v1/conversations/{id}": f"/v1/conversations/{conversation}",
        "/v1/conversations/{id}/history": f"/v1/conversations/{conversation}/history",
        "/v1/conversations/{id}/changes": f"/v1/conversations/{conversation}/changes?{between}",
        "/v1/conversations/{id}/messages": f"/v1/conversations/{conversation}/messages",
        "/v1/messages/{id}": f"/v1/messages/{world.acme[0].outbound}",
        "/v1/messages/{id}/changes": f"/v1/messages/{world.acme[0].outbound}/changes?{between}",
        "/v1/messages/{id}/timeline": f"/v1/messages/{world.acme[0].inbound}/timeline",
        "/v1/customers": "/v1/customers?wa_id=447700900000",
        "/v1/customers/{id}": f"/v1/customers/{customer}",
        "/v1/customers/{id}/context": f"/v1/customers/{customer}/context",
        "/v1/contexts/{genesys_conversation_id}": "/v1/contexts/conversation-1",
        "/v1/mappings": "/v1/mappings?whatsapp_message_id=wamid.out.0",
        "/v1/dead-letters": "/v1/dead-letters",
        **{
            f"/v1/analytics/{name}": f"/v1/analytics/{name}?since=2026-11-01T00:00:00Z&until=2026-12-01T00:00:00Z"
            for name in ("messages", "sessions", "agents", "queues", "customers", "opt-outs", "totals")
        },
    }
    assert description["paths"].keys() == paths.keys()
    for template, path in paths.items():
        success = description["paths"][template]["get"]["responses"]["200"]
        schema = {**success["content"]["application/json"]["schema"], "components": description["components"]}
        answer = await world.client.get(httpx.URL(path).path, **dict(httpx.URL(path).params))
        jsonschema.Draft202012Validator(schema).validate(answer.json())


async def test_the_cache_saves_time_and_never_decides(world: World) -> None:
    path = f"/v1/messages/{world.acme[0].outbound}"
    [(epoch,)] = await rows(world.admin, "SELECT cache_epoch::text FROM relaylog.generation WHERE state = 'live'")
    shown = await world.ok(path)
    assert epoch is not None
    behind = "UPDATE generation_0001.message SET text = 'changed behind the cache' RETURNING 1"
    await rows(world.admin, behind)

    async def reads_the_cache() -> bool:
        return bool((await world.ok(path)) == shown)

    await eventually(reads_the_cache, seconds=10)
    await rows(world.admin, "UPDATE relaylog.generation SET cache_epoch = NULL RETURNING 1")

    async def reads_the_table() -> bool:
        return bool((await world.ok(path))["text"] == "changed behind the cache")

    await eventually(reads_the_table, seconds=10)
