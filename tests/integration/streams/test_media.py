"""Media links: signed, streamed from WhatsApp, bounded."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import aiohttp
import pytest
from aiohttp import web

from schemas.events import Media
from schemas.tenant import Tenant
from streams.http import serve_app
from streams.media_links import MediaGrant, MediaSigner, media_link
from streams.settings import Settings
from tests.integration.streams.support import Gateway, started_gateway

Tenants = dict[str, Tenant]

pytestmark = pytest.mark.integration

FILE = bytes(range(256)) * 4096
LIMIT = 2 * 1024 * 1024


class WhatsAppFiles:
    """The two media calls of the Cloud API (whatsapp.md 4.4), for one file a kind of trouble."""

    def __init__(self) -> None:
        self.base = ""
        self.seen: list[tuple[str, str | None]] = []

    async def look_up(self, request: web.Request) -> web.Response:
        media_id = request.match_info["media_id"]
        self.seen.append((media_id, request.headers.get("Authorization")))
        if media_id == "gone":
            return web.json_response({"error": {"code": 100}}, status=400)
        if media_id == "broken":
            return web.json_response({"error": {"code": 1}}, status=500)
        size = LIMIT + 1 if media_id == "large" else None if media_id == "endless" else len(FILE)
        number = request.query["phone_number_id"]
        answer = {"url": f"{self.base}/files/{media_id}?of={number}", "mime_type": "image/jpeg", "file_size": size}
        return web.json_response(answer)

    async def download(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != "Bearer access-token-of-acme":
            return web.Response(status=404)
        if request.match_info["media_id"] != "endless":
            return web.Response(body=FILE)
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(8 * LIMIT // len(FILE)):
            await response.write(FILE)
        return response


@pytest.fixture
async def whatsapp() -> AsyncIterator[WhatsAppFiles]:
    files = WhatsAppFiles()
    app = web.Application()
    app.router.add_get("/v24.0/{media_id}", files.look_up)
    app.router.add_get("/files/{media_id}", files.download)
    runner = await serve_app(app, "127.0.0.1", 0)
    files.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield files
    await runner.cleanup()


@pytest.fixture
async def gateway(settings: Settings, tenants: Tenants, whatsapp: WhatsAppFiles) -> AsyncIterator[Gateway]:
    async with AsyncExitStack() as stack:
        changed = {"whatsapp_url": whatsapp.base, "max_media_bytes": LIMIT, "public_url": ""}
        yield await started_gateway(stack, settings.model_copy(update=changed))


def link(
    gateway: Gateway, tenant: Tenant, media_id: str, *, mime: str | None = None, filename: str | None = None
) -> str:
    """The path of a link as the sender makes it."""
    media = Media(id=media_id, mime=mime, filename=filename)
    return media_link(gateway.settings)(tenant.id, tenant.channels[0].phone_number_id, media)


async def test_a_file_is_passed_on_with_its_name_and_type(
    gateway: Gateway, tenants: Tenants, whatsapp: WhatsAppFiles
) -> None:
    path = link(gateway, tenants["acme"], "cat", mime="image/jpeg", filename='cät "1".jpg')
    async with gateway.session.get(gateway.url + path) as response:
        assert response.status == 200
        assert await response.read() == FILE
        assert response.headers["Content-Length"] == str(len(FILE))
        assert response.headers["Content-Type"] == "image/jpeg"
        assert response.headers["Content-Disposition"] == "attachment; filename*=UTF-8''c%C3%A4t%20%221%22.jpg"
    assert whatsapp.seen == [("cat", "Bearer access-token-of-acme")]
    assert gateway.metric("relaylog_gateway_media_bytes_total") == len(FILE)


async def test_head_tells_size_and_type_without_the_file(gateway: Gateway, tenants: Tenants) -> None:
    async with gateway.session.head(gateway.url + link(gateway, tenants["acme"], "cat")) as response:
        assert (response.status, response.headers["Content-Length"]) == (200, str(len(FILE)))
        assert response.headers["Content-Type"] == "image/jpeg"
    assert gateway.metric("relaylog_gateway_media_bytes_total") == 0


async def test_links_that_are_not_ours_expired_or_of_nobody_are_refused(
    gateway: Gateway, tenants: Tenants, whatsapp: WhatsAppFiles
) -> None:
    acme, globex = tenants["acme"], tenants["globex"]
    signer = MediaSigner(gateway.settings.master_key_bytes)
    number, far = acme.channels[0].phone_number_id, 2**40

    def token(tenant: str, number: str, expires: int) -> str:
        return "/media/" + signer.sign(MediaGrant(tenant, number, "cat", None, None, expires))

    assert await gateway.status(token("acme", number, far)) == 200
    assert await gateway.status(token("acme", number, 1)) == 410
    assert await gateway.status(token("acme", globex.channels[0].phone_number_id, far)) == 404
    assert await gateway.status(token("nobody", number, far)) == 404
    assert await gateway.status("/media/forged.token") == 404
    assert len(whatsapp.seen) == 1


async def test_what_whatsapp_does_not_give_is_told_apart(gateway: Gateway, tenants: Tenants) -> None:
    acme, globex = tenants["acme"], tenants["globex"]
    assert await gateway.status(link(gateway, acme, "gone")) == 404
    assert await gateway.status(link(gateway, acme, "broken")) == 502
    assert await gateway.status(link(gateway, acme, "large")) == 502
    assert await gateway.status(link(gateway, globex, "cat")) == 404


async def test_a_file_without_end_is_cut_and_does_not_look_whole(gateway: Gateway, tenants: Tenants) -> None:
    path = link(gateway, tenants["acme"], "endless")
    with pytest.raises(aiohttp.ClientError):
        async with gateway.session.get(gateway.url + path) as response:
            await response.read()
    assert gateway.metric("relaylog_gateway_media_bytes_total") <= LIMIT
