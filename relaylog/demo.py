"""The demo: a short conversation at each demo tenant, every step looked up where it must show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from relaylog.console import Console
from relaylog.demo_client import DemoClient, Line
from relaylog.story import Missed, Story
from schemas.ids import genesys_message_id, whatsapp_message_id

#: Numbers from the range that Ofcom keeps for fiction; the simulator gives these two the names Ana and Kenji.
ANA, KENJI = "447700900214", "447700900002"

_ANSWER = "It is on the van and reaches you this afternoon."
_QUESTION = "Should the driver leave it with a neighbour?"
_CHOICES = ({"text": "Yes, please", "payload": "neighbour"}, {"text": "No, I am home", "payload": "home"})
#: One grey pixel.
_PHOTO = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="


async def play(running: Mapping[str, Any], console: Console, patience: float = 30.0) -> bool:
    """Play both conversations against the system that `running.json` describes; True when every step was seen."""
    story = Story(console, patience)
    async with httpx.AsyncClient(timeout=10.0, trust_env=False) as http:
        acme, globex = (DemoClient(http, running, tenant) for tenant in ("acme", "globex"))
        try:
            await _parcel(story, acme)
            await _meter(story, globex, acme)
        except Missed:
            # Said already; what follows builds on it.
            pass
        except httpx.HTTPError as error:
            story.fail(f"an answer of the simulated platforms: {error!r}")
    return story.summary()


async def _parcel(story: Story, acme: DemoClient) -> None:
    story.title("A conversation at Acme Parcels")
    await _customer_asks(story, acme)
    await _agent_answers(story, acme)
    await _agent_offers_a_choice(story, acme)
    await _customer_sends_a_photo(story, acme)


async def _customer_asks(story: Story, acme: DemoClient) -> None:
    story.tell("Ana writes on WhatsApp: “Where is my parcel?”")
    wamid = await acme.customer_says(ANA, _text("Where is my parcel?"))
    await story.expect(
        "Genesys Cloud received it, for an agent to answer",
        lambda: acme.in_genesys(wamid=wamid),
        lambda line: f"{acme.genesys}/_simulator/books (conversation {line['conversation_id']})",
    )
    message = await story.expect(
        "relaylog shows it, with the ids of both platforms",
        lambda: _with(acme, whatsapp_message_id(acme.tenant_id, wamid), "whatsapp_id", "genesys_id"),
        lambda line: f"{acme.query}/v1/messages/{line['id']}",
    )
    story.note("look it up yourself, with Acme's key:")
    story.note(f"curl -s -H 'Authorization: Bearer {acme.api_key}' {acme.query}/v1/messages/{message['id']}")
    path = f"/v1/conversations/{message['conversation_id']}/messages"
    earlier = await acme.count(path) - 1
    if earlier > 0:
        story.note(f"{earlier} messages from earlier are still here: {acme.query}{path}")
    else:
        story.note(f"it begins a conversation: {acme.query}{path}")


async def _agent_answers(story: Story, acme: DemoClient) -> None:
    story.tell(f"The agent answers in Genesys Cloud: “{_ANSWER}”")
    message_id = await acme.agent_says(ANA, text=_ANSWER)
    event_id = genesys_message_id(acme.tenant_id, message_id)
    message = await story.expect(
        "WhatsApp took it",
        lambda: _with(acme, event_id, "whatsapp_id"),
        lambda line: f"{acme.query}/v1/messages/{line['id']}",
    )
    await story.expect(
        "Ana's phone shows it, and she has read it",
        lambda: acme.on_whatsapp(id=message["whatsapp_id"], status="read"),
        lambda _: f"{acme.whatsapp}/_simulator/books",
    )
    await story.expect(
        "Genesys Cloud knows that it was delivered",
        lambda: acme.in_genesys(id=message_id, receipt="Delivered"),
        lambda _: f"{acme.genesys}/_simulator/books",
    )
    await story.expect(
        "relaylog shows that it was read, and everything that happened to it",
        lambda: _whose_status_is(acme, event_id, "read"),
        lambda line: f"{acme.query}/v1/messages/{line['id']}/timeline",
    )


async def _agent_offers_a_choice(story: Story, acme: DemoClient) -> None:
    titles = [choice["text"] for choice in _CHOICES]
    story.tell(f"The agent asks: “{_QUESTION}” and offers [{'] ['.join(titles)}]")
    message_id = await acme.agent_says(ANA, text=_QUESTION, quick_replies=list(_CHOICES))
    message = await story.expect(
        "relaylog passed it on",
        lambda: _with(acme, genesys_message_id(acme.tenant_id, message_id), "whatsapp_id"),
        lambda line: f"{acme.query}/v1/messages/{line['id']}",
    )
    buttons = await story.expect(
        "Ana's phone shows it with two buttons",
        lambda: _buttons(acme, message["whatsapp_id"]),
        lambda _: f"{acme.whatsapp}/_simulator/ledger",
    )
    story.tell(f"Ana taps [{buttons[0]['title']}]")
    tap = {"type": "interactive", "interactive": {"type": "button_reply", "button_reply": buttons[0]}}
    wamid = await acme.customer_says(ANA, tap | {"context": {"id": message["whatsapp_id"]}})
    await story.expect(
        "Genesys Cloud knows which question she answered, and how",
        lambda: acme.in_genesys(
            wamid=wamid, originating_message_id=message_id, payload=_CHOICES[0]["payload"], kind="structured_response"
        ),
        lambda _: f"{acme.genesys}/_simulator/books",
    )


async def _customer_sends_a_photo(story: Story, acme: DemoClient) -> None:
    story.tell("Ana sends a photo of her door")
    image = {"content_base64": _PHOTO, "mime_type": "image/png", "caption": "The green door"}
    wamid = await acme.customer_says(ANA, {"type": "image", "image": image})
    await story.expect(
        "Genesys Cloud received it and fetched the file through relaylog",
        lambda: _fetched_photo(acme, wamid),
        lambda line: f"{line['attachment']['url'].rpartition('/')[0]}/...",
    )


async def _meter(story: Story, globex: DemoClient, acme: DemoClient) -> None:
    story.title("A conversation at Globex Energy, another tenant")
    story.tell("Kenji writes on WhatsApp: “My meter shows 4711.”")
    wamid = await globex.customer_says(KENJI, _text("My meter shows 4711."))
    await story.expect(
        "Globex's Genesys Cloud received it",
        lambda: globex.in_genesys(wamid=wamid),
        lambda _: f"{globex.genesys}/_simulator/books",
    )
    path = f"/v1/messages/{whatsapp_message_id(globex.tenant_id, wamid)}"
    await story.expect(
        "Globex's key sees it",
        lambda: globex.ask(path),
        lambda _: f"curl -s -H 'Authorization: Bearer {globex.api_key}' {globex.query}{path}",
    )
    await story.expect(
        "Acme's key does not: 404 for the same URL",
        lambda: _hidden(acme, path),
        lambda _: f"curl -s -H 'Authorization: Bearer {acme.api_key}' {acme.query}{path}",
    )


def _text(body: str) -> dict[str, Any]:
    return {"type": "text", "text": {"body": body}}


async def _with(client: DemoClient, message_id: str, *fields: str) -> Line | None:
    """The message, once all of these fields are set."""
    message = await client.ask(f"/v1/messages/{message_id}")
    return message if message and all(message[field] for field in fields) else None


async def _whose_status_is(client: DemoClient, message_id: str, status: str) -> Line | None:
    message = await client.ask(f"/v1/messages/{message_id}")
    return message if message and message["status"] == status else None


async def _buttons(client: DemoClient, wamid: str) -> list[dict[str, str]] | None:
    """Id and title of the buttons of a message that the phone shows."""
    shown = await client.on_whatsapp(id=wamid)
    body = await client.sent_to_whatsapp(shown["callback_data"]) if shown and shown["shown_order"] else None
    if body is None or body["type"] != "interactive":
        return None
    return [button["reply"] for button in body["interactive"]["action"]["buttons"]]


async def _fetched_photo(client: DemoClient, wamid: str) -> Line | None:
    line = await client.in_genesys(wamid=wamid)
    return line if line and line["attachment"] and line["attachment"]["status"] == 200 else None


async def _hidden(client: DemoClient, path: str) -> bool | None:
    return await client.hides(path) or None
