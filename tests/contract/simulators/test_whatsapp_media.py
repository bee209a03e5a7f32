"""WhatsApp media: upload, link, download, and what customers send (whatsapp.md 4.4)."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import aiohttp

from tests.contract.simulators.world import Start, World, tenant_at, until

PICTURE = b"\xff\xd8\xff" + bytes(range(256)) * 8
BEARER = {"Authorization": "Bearer acme-token"}


async def upload(
    world: World, content: bytes = PICTURE, mime: str = "image/jpeg", **more: Any
) -> aiohttp.ClientResponse:
    form = aiohttp.FormData({"messaging_product": "whatsapp", "type": mime})
    form.add_field("file", content, filename="picture.jpg", content_type=mime)
    return await world.http.post(f"{world.running.whatsapp_url}/v24.0/1055/media", data=form, headers=BEARER)


async def link(world: World, media_id: str, token: str = "acme-token") -> aiohttp.ClientResponse:
    headers = {"Authorization": f"Bearer {token}"}
    return await world.http.get(f"{world.running.whatsapp_url}/v24.0/{media_id}", headers=headers)


async def test_what_was_uploaded_can_be_sent_and_downloaded(world: World) -> None:
    media_id = (await (await upload(world)).json())["id"]
    sent = await world.send({"to": "447700900123", "type": "image", "image": {"id": media_id, "caption": "Look"}})
    assert sent.status == 200
    found = await (await link(world, media_id)).json()
    assert (found["mime_type"], found["file_size"], found["id"]) == ("image/jpeg", len(PICTURE), media_id)
    assert found["sha256"] == hashlib.sha256(PICTURE).hexdigest()
    assert await (await world.http.get(found["url"], headers=BEARER)).read() == PICTURE
    rows = await world.lines(world.running.whatsapp_url, "ledger")
    assert [row["operation"] for row in rows] == ["media", "message", "media", "media"]
    assert all(row["tenant"] == "acme" and row["accepted"] for row in rows)


async def test_a_customers_picture_is_stored_and_told_by_id(world: World) -> None:
    content = base64.b64encode(PICTURE).decode()
    image = {"content_base64": content, "mime_type": "image/jpeg", "caption": "Broken!"}
    await world.says({"type": "image", "image": image})
    await until(lambda: world.receiver.values("messages"), "webhook")
    told = world.receiver.values("messages")[0]["image"]
    assert set(told) == {"caption", "mime_type", "sha256", "id"}
    assert base64.b64decode(told["sha256"]) == hashlib.sha256(PICTURE).digest()
    found = await (await link(world, told["id"])).json()
    assert await (await world.http.get(found["url"], headers=BEARER)).read() == PICTURE
    (line, *_) = await world.lines(world.running.whatsapp_url, "books")
    assert (line["kind"], line["text"]) == ("image", "Broken!")


async def test_a_link_needs_the_token_and_expires(start: Start, world: World) -> None:
    media_id = (await (await upload(world)).json())["id"]
    url = (await (await link(world, media_id)).json())["url"]
    assert (await world.http.get(url)).status == 401
    assert (await world.http.get(url.replace("ext=", "ext=9"), headers=BEARER)).status == 404
    hasty = await start(media_url_seconds=0.001)
    media_id = (await (await upload(hasty)).json())["id"]
    url = (await (await link(hasty, media_id)).json())["url"]
    assert (await hasty.http.get(url, headers=BEARER)).status == 404


async def test_media_is_not_shown_to_another_tenant(start: Start) -> None:
    world = await start(tenant_at("http://127.0.0.1:9"), tenant_at("http://127.0.0.1:9", "globex", "2066"))
    media_id = (await (await upload(world)).json())["id"]
    assert (await link(world, media_id, token="globex-token")).status == 400
    assert (await link(world, "12345")).status == 400


async def test_an_upload_of_the_wrong_type_or_size_is_refused(world: World) -> None:
    assert (await upload(world, mime="image/gif")).status == 400
    assert (await upload(world, content=b"")).status == 400
    assert (await upload(world, content=b"x" * (500 * 1024 + 1), mime="image/webp")).status == 400


async def test_media_of_a_customer_must_be_base64_with_a_type(world: World) -> None:
    url = f"{world.running.whatsapp_url}/_simulator/customers/447700900123/messages"
    for image in ({"content_base64": "%%", "mime_type": "image/jpeg"}, {"content_base64": "AAAA"}):
        answer = await world.http.post(url, json={"to": "1055", "message": {"type": "image", "image": image}})
        assert answer.status == 400 and "message.image." in (await answer.json())["error"]
