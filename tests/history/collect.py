"""Gathers a history from a running system, through what its outside offers and nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer

from tests.history.history import Booked, Call, History, Line, LogRecord, Platform, Row, Said, Sight, Thread

PLATFORMS: tuple[Platform, ...] = ("genesys", "whatsapp")
#: Kinds whose text and name both sides share; of the others the wording is relaylog's.
WORDED = frozenset({"text", "image", "video", "document", "button_reply", "list_reply"})
NAMED = WORDED | {"audio", "sticker", "location", "contacts", "flow_reply", "reaction", "order"}
_REQUESTS_AT_ONCE = 16


async def collect(
    running: Mapping[str, Any],
    said_elsewhere: Iterable[Said] = (),
    *,
    prefix: str = "relaylog.",
    look_across: bool = True,
) -> History:
    """Everything that the system of a `running.json` left behind so far.

    ``said_elsewhere``: what the simulators cannot know, such as records appended to `intake`. With ``look_across`` each
    tenant's key is tried on everything of the others.
    """
    limits = httpx.Limits(max_connections=_REQUESTS_AT_ONCE)
    async with httpx.AsyncClient(timeout=30.0, trust_env=False, limits=limits) as client:
        lines = {p: await _json_lines(client, f"{running['simulators'][p]}/_simulator/books") for p in PLATFORMS}
        ledgers = {p: await _json_lines(client, f"{running['simulators'][p]}/_simulator/ledger") for p in PLATFORMS}
        threads = [t for tenant in running["tenants"] async for t in _threads(client, running["query"], tenant)]
        keys = {tenant["id"]: tenant["api_key"] for tenant in running["tenants"]}
        rows = [row for t in threads async for row in _rows(client, running["query"], t, keys[t.tenant])]
        sights = await _sights(client, running, rows) if look_across else []
    return History(
        said=(*(said for p in PLATFORMS for said in _said(p, lines[p])), *said_elsewhere),
        events=tuple(await read_topic(running["kafka"], f"{prefix}events")),
        outcomes=tuple(await read_topic(running["kafka"], f"{prefix}outcomes")),
        calls=tuple(_call(p, row) for p in PLATFORMS for row in ledgers[p]),
        booked=tuple(booked for p in PLATFORMS for booked in _booked(p, lines[p])),
        lines=tuple(map(line_of, lines["genesys"])),
        rows=tuple(rows),
        threads=tuple(threads),
        sights=tuple(sights),
        dead_letters=tuple([value async for value in _dead_letters(running["kafka"], f"{prefix}dead-letters")]),
    )


async def read_topic(address: str, topic: str) -> list[LogRecord]:
    """Every record of a topic from its start, in partition order."""
    found = []
    async for raw in read_raw(address, topic):
        try:
            value = json.loads(raw.value or b"null")
        except ValueError:
            value = None
        found.append(LogRecord(raw.partition, raw.offset, raw.timestamp, value if isinstance(value, dict) else {}))
    return found


async def read_raw(address: str, topic: str) -> AsyncIterator[Any]:
    """Every record of a topic as the client gives it, headers included."""
    # A partition that has nothing more must not hold up the fetch of the others.
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=address, enable_auto_commit=False, fetch_max_wait_ms=10)
    try:
        await consumer.start()
        partitions = sorted(consumer.assignment())
        starts, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        for partition in partitions:
            consumer.seek(partition, starts[partition])
        while [p for p in partitions if await consumer.position(p) < ends[p]]:
            for records in (await consumer.getmany(timeout_ms=100)).values():
                for record in records:
                    yield record
    finally:
        await consumer.stop()


async def _dead_letters(address: str, topic: str) -> AsyncIterator[bytes]:
    async for record in read_raw(address, topic):
        if dict(record.headers).get("reason"):
            yield record.value or b""


async def _json_lines(client: httpx.AsyncClient, url: str) -> list[dict[str, Any]]:
    answer = await client.get(url)
    answer.raise_for_status()
    return [json.loads(line) for line in answer.content.splitlines()]


def _said(platform: Platform, lines: list[dict[str, Any]]) -> Iterable[Said]:
    own = "inbound" if platform == "whatsapp" else "outbound"
    for line in lines:
        if line["direction"] == own:
            kind = line["kind"]
            yield Said(
                tenant=line["tenant"],
                origin="customer" if platform == "whatsapp" else "agent",
                id=line["id"],
                customers=frozenset({line["customer"]}),
                text=line["text"] if kind in WORDED else None,
                kind=kind if kind in NAMED else None,
                direction="inbound" if platform == "whatsapp" else "outbound",
                accepted=line["webhook"] == "accepted",
                given_up=line["webhook"] == "lost",
            )


def _booked(platform: Platform, lines: list[dict[str, Any]]) -> Iterable[Booked]:
    ours, field = ("inbound", "wamid") if platform == "genesys" else ("outbound", "callback_data")
    for line in lines:
        if line["direction"] == ours and line.get(field):
            conversation = line.get("conversation_id")
            yield Booked(platform, line["tenant"], line["id"], line[field], line.get("status"), conversation)


def line_of(line: dict[str, Any]) -> Line:
    """A line of Genesys's books as the judge of conversations wants it."""
    ours = line["wamid"] or line["id"] if line["direction"] == "inbound" else None
    return Line(line["tenant"], line["customer"], line["conversation_id"], _milliseconds(line["at"]), ours)


def _milliseconds(instant: str) -> int:
    return round(datetime.fromisoformat(instant).timestamp() * 1000)


def _call(platform: Platform, row: dict[str, Any]) -> Call:
    body = row["body"]
    about = body.get("id") if row["operation"] == "receipt" and isinstance(body, dict) else None
    return Call(
        platform=platform,
        n=row["n"],
        at=_milliseconds(row["at"]),
        tenant=row["tenant"],
        operation=row["operation"],
        customer=row["customer"],
        id=about or row["id"],
        status=row["status"],
        accepted=row["accepted"],
        body=body,
    )


async def _threads(client: httpx.AsyncClient, query: str, tenant: Mapping[str, Any]) -> AsyncIterator[Thread]:
    """Every conversation that the tenant's key is shown."""
    async for conversation in _items(client, f"{query}/v1/conversations", tenant["api_key"]):
        yield Thread(
            tenant=tenant["id"],
            id=conversation["id"],
            messages_in=conversation["messages_in"],
            messages_out=conversation["messages_out"],
            genesys_conversation_ids=tuple(conversation["genesys_conversation_ids"]),
        )


async def _rows(client: httpx.AsyncClient, query: str, thread: Thread, key: str) -> AsyncIterator[Row]:
    """Every message of a conversation that its tenant's key is shown."""
    async for message in _items(client, f"{query}/v1/conversations/{thread.id}/messages", key):
        yield Row(
            tenant=thread.tenant,
            id=message["id"],
            conversation_id=message["conversation_id"],
            customer_id=message["customer_id"],
            direction=message["direction"],
            kind=message["kind"],
            text=message["text"],
            status=message["status"],
            whatsapp_id=message["whatsapp_id"],
            genesys_id=message["genesys_id"],
        )


async def _items(client: httpx.AsyncClient, url: str, key: str) -> AsyncIterator[dict[str, Any]]:
    cursor: str | None = None
    while True:
        parameters = {"cursor": cursor} if cursor else {}
        answer = await client.get(url, params=parameters, headers=bearer(key))
        answer.raise_for_status()
        page = answer.json()
        for item in page["items"]:
            yield item
        cursor = page["next"]
        if cursor is None:
            return


def bearer(key: str) -> dict[str, str]:
    """Header that shows an API key."""
    return {"Authorization": f"Bearer {key}"}


async def _sights(client: httpx.AsyncClient, running: Mapping[str, Any], rows: list[Row]) -> list[Sight]:
    """Ask for everything of each tenant with the keys of the others: each answer but 404 is a sight."""

    async def ask(viewer: Mapping[str, Any], owner: str, id: str, path: str) -> Sight | None:
        answer = await client.get(f"{running['query']}{path}", headers=bearer(viewer["api_key"]))
        shown = answer.status_code != 404 and not (answer.is_success and answer.json().get("items") == [])
        return Sight(viewer["id"], owner, id) if shown else None

    asked = [
        ask(viewer, owner, id, path)
        for viewer in running["tenants"]
        for owner, id, path in sorted({target for row in rows for target in _targets(row)})
        if viewer["id"] != owner
    ]
    return [sight for sight in await asyncio.gather(*asked) if sight is not None]


def _targets(row: Row) -> Iterable[tuple[str, str, str]]:
    """Owner, id and path of everything that a message row leads to."""
    yield row.tenant, row.id, f"/v1/messages/{row.id}"
    yield row.tenant, row.id, f"/v1/messages/{row.id}/timeline"
    if row.conversation_id:
        yield row.tenant, row.conversation_id, f"/v1/conversations/{row.conversation_id}"
        yield row.tenant, row.conversation_id, f"/v1/conversations/{row.conversation_id}/messages"
    if row.customer_id:
        yield row.tenant, row.customer_id, f"/v1/customers/{row.customer_id}"
    for name, id in (("whatsapp_message_id", row.whatsapp_id), ("genesys_message_id", row.genesys_id)):
        if id:
            yield row.tenant, id, str(httpx.URL("/v1/mappings", params={name: id}))
