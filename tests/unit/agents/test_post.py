"""Requests that never were: what certainly left nothing behind is told apart from what may have."""

import asyncio
import socket
from collections.abc import Iterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from agents.answers import NotSent, Unanswered
from agents.media import MediaTransfer
from agents.post import call_timeout, post_json
from schemas.events import Media
from tests.unit.schemas.samples import tenant


@pytest.fixture
def deaf() -> Iterator[str]:
    """The address of a host that answers no connection: its queue of them is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        for _ in range(4):
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        for connection in waiting:
            connection.close()


async def test_a_call_that_never_had_a_connection_was_not_made(deaf: str) -> None:
    async with aiohttp.ClientSession(timeout=call_timeout(1.0)) as session:
        answer = await post_json(session, f"{deaf}/message", "token", b"{}")
    assert isinstance(answer, NotSent)


async def test_a_call_that_had_one_may_have_been_made() -> None:
    async def silent(_: web.Request) -> web.Response:
        await asyncio.sleep(5.0)
        return web.Response()

    app = web.Application()
    app.router.add_post("/message", silent)
    async with TestServer(app) as server, aiohttp.ClientSession(timeout=call_timeout(0.5)) as session:
        answer = await post_json(session, str(server.make_url("/message")), "token", b"{}")
    assert isinstance(answer, Unanswered)


@pytest.mark.parametrize(
    ("address", "token"),
    [(None, "EAAG\n"), ("http://.x/", "t"), (f"http://{'a' * 64}.com/", "t"), ("http://u:p@h/", "t")],
)
async def test_of_what_no_request_can_be_made_the_configuration_is_at_fault(address: str | None, token: str) -> None:
    async with TestServer(web.Application()) as server, aiohttp.ClientSession() as session:
        answer = await post_json(session, address or str(server.make_url("/message")), token, b"{}")
    assert isinstance(answer, NotSent)
    assert answer.code == "configuration"


@pytest.mark.parametrize("name", ["re\nport.pdf", "a\x00b", "tab\t.pdf", "ünïcode.pdf", ""])
@pytest.mark.parametrize("mime", ["image/\x01jpeg", "text/plain; charset=utf-8", "no type", "application/pdf\r\nX: y"])
async def test_a_file_is_uploaded_whatever_its_name_and_type_hold(name: str, mime: str) -> None:
    uploaded = []

    async def download(_: web.Request) -> web.Response:
        return web.Response(body=b"content")

    async def upload(request: web.Request) -> web.Response:
        form = await request.post()
        file = form["file"]
        assert isinstance(file, web.FileField)
        uploaded.append(file.file.read())
        return web.json_response({"id": "media-1"})

    channel, app = tenant().channels[0], web.Application()
    app.router.add_get("/file", download)
    app.router.add_post(f"/{channel.phone_number_id}/media", upload)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        base = str(server.make_url("")).rstrip("/")
        media = Media(mime=mime, url=f"{base}/file", sha256=None, filename=name, size=None)
        assert await MediaTransfer(session, base, 1024).transfer(channel, media) == "media-1"
    assert uploaded == [b"content"]
