"""Media for Genesys to fetch: a signed link, answered by streaming the file from WhatsApp."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

import aiohttp
import msgspec
from aiohttp import web

from schemas.errors import RelaylogError
from schemas.tenant import Channel
from streams.directory import TenantDirectory
from streams.gateway.metrics import GatewayMetrics
from streams.media_links import ExpiredMediaToken, InvalidMediaToken, MediaGrant, MediaSigner
from streams.problems import problem
from streams.settings import Settings

logger = logging.getLogger(__name__)

ROUTE = "/media/{token}"
_CHUNK = 64 * 1024
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=20)
#: WhatsApp's answers for an id that it does not know, or no longer (whatsapp.md 4.4 and 5.2).
_GONE = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.GONE)


class MediaUnavailable(RelaylogError):
    """WhatsApp does not give the file; ``status`` is what Genesys is answered."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class MediaInfo(msgspec.Struct):
    """WhatsApp on a media id (whatsapp.md 4.4); the URL is good for five minutes and needs the bearer token."""

    url: str
    mime_type: str | None = None
    file_size: int | str | None = None

    @property
    def size(self) -> int | None:
        """Bytes, where WhatsApp says so."""
        return None if self.file_size is None else int(self.file_size)


@dataclass(frozen=True, slots=True)
class MediaSource:
    """The Cloud API's media calls for one channel at a time."""

    session: aiohttp.ClientSession
    #: With the Graph version, without a slash at the end.
    base: str
    max_bytes: int

    async def look_up(self, channel: Channel, media_id: str) -> MediaInfo:
        """Where the file is. Raises MediaUnavailable."""
        url = f"{self.base}/{quote(media_id, safe='')}"
        params = {"phone_number_id": channel.phone_number_id}
        async with self.session.get(url, params=params, headers=_bearer(channel), timeout=_TIMEOUT) as response:
            _check(response)
            try:
                info = msgspec.json.decode(await response.read(), type=MediaInfo)
            except msgspec.DecodeError as error:
                raise MediaUnavailable(502, f"WhatsApp's answer about the file: {error}") from None
        if info.size is not None and info.size > self.max_bytes:
            raise MediaUnavailable(502, f"the file has {info.size} bytes, at most {self.max_bytes} are passed on")
        return info

    @asynccontextmanager
    async def open(self, channel: Channel, info: MediaInfo) -> AsyncIterator[aiohttp.ClientResponse]:
        """The file's bytes, as they come. Raises MediaUnavailable."""
        async with self.session.get(info.url, headers=_bearer(channel), timeout=_TIMEOUT) as response:
            _check(response)
            length = response.content_length
            if length is not None and length > self.max_bytes:
                raise MediaUnavailable(502, f"the file has {length} bytes, at most {self.max_bytes} are passed on")
            yield response


class MediaRoute:
    """``GET`` and ``HEAD /media/{token}``."""

    def __init__(
        self,
        settings: Settings,
        directory: TenantDirectory,
        session: aiohttp.ClientSession,
        metrics: GatewayMetrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._signer = MediaSigner(settings.master_key_bytes)
        base = f"{settings.whatsapp_url.rstrip('/')}/{settings.whatsapp_version}"
        self._source = MediaSource(session, base, settings.max_media_bytes)
        self._directory = directory
        self._metrics = metrics
        self._clock = clock

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Register the route."""
        router.add_get(ROUTE, self.answer)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The file.

        404 for a link not ours, or whose channel or file is gone; 410 for an expired one; 502 for other trouble.
        """
        if not self._directory.ready:
            return problem(503, detail="tenants are not read yet", headers={"Retry-After": "2"})
        try:
            grant = self._signer.verify(request.match_info["token"], self._clock())
            return await self._pass_on(request, grant, self._channel(grant))
        except InvalidMediaToken as error:
            return problem(404, detail=str(error))
        except ExpiredMediaToken as error:
            return problem(410, detail=str(error))
        except MediaUnavailable as error:
            logger.warning("media not passed on", extra={"route": ROUTE, "reason": str(error)})
            return problem(error.status, detail=str(error))

    def _channel(self, grant: MediaGrant) -> Channel:
        tenant = self._directory.by_id(grant.tenant)
        channel = tenant.channel(grant.phone_number_id) if tenant else None
        if channel is None:
            raise InvalidMediaToken("the link's channel is not registered any more")
        return channel

    async def _pass_on(self, request: web.Request, grant: MediaGrant, channel: Channel) -> web.StreamResponse:
        response: web.StreamResponse | None = None
        try:
            info = await self._source.look_up(channel, grant.media_id)
            response = _prepared(grant, info)
            if request.method == "HEAD":
                response.content_length = info.size
                await response.prepare(request)
                return response
            async with self._source.open(channel, info) as file:
                response.content_length = file.content_length
                await self._stream(request, file, response)
            return response
        except (aiohttp.ClientError, TimeoutError) as error:
            if response is not None and response.prepared:
                # Half a file must not look like a whole one: the connection is cut.
                _cut(request)
                return response
            raise MediaUnavailable(502, f"WhatsApp does not answer: {type(error).__name__}") from error

    async def _stream(self, request: web.Request, file: aiohttp.ClientResponse, response: web.StreamResponse) -> None:
        await response.prepare(request)
        passed = 0
        async for chunk in file.content.iter_chunked(_CHUNK):
            passed += len(chunk)
            if passed > self._source.max_bytes:
                _cut(request)
                return
            await response.write(chunk)
            self._metrics.media_bytes.inc(len(chunk))
        await response.write_eof()


def _prepared(grant: MediaGrant, info: MediaInfo) -> web.StreamResponse:
    disposition = f"attachment; filename*=UTF-8''{quote(grant.filename, safe='')}" if grant.filename else "attachment"
    return web.StreamResponse(
        headers={
            "Content-Type": info.mime_type or grant.mime or "application/octet-stream",
            "Content-Disposition": disposition,
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, max-age=300",
        }
    )


def _check(response: aiohttp.ClientResponse) -> None:
    if response.status in _GONE:
        raise MediaUnavailable(404, "WhatsApp does not have the file, or no longer")
    if response.status != HTTPStatus.OK:
        raise MediaUnavailable(502, f"WhatsApp answered {response.status}")


def _bearer(channel: Channel) -> dict[str, str]:
    return {"Authorization": f"Bearer {channel.access_token.get_secret_value()}"}


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
