"""Moves a file from its URL to WhatsApp: downloaded, uploaded, and named by its media id (whatsapp.md section 4.4)."""

from __future__ import annotations

import re
import tempfile
from typing import IO

import aiohttp

from agents.answers import NotSent, Refused
from agents.post import Response, post
from schemas.events import Media
from schemas.tenant import Channel

CHUNK = 64 * 1024
#: Up to this size a file stays in memory while it is moved.
IN_MEMORY = 1024 * 1024
#: Names and types come from outside; in the header of a part they may hold no control character.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MIME = re.compile(r"[\w.+-]+/[\w.+-]+(?:\s*;[^\x00-\x1f\x7f]*)?", re.ASCII)


class MediaTransfer:
    """Transfers files within a size limit; spools to disk, so memory does not grow with the file."""

    def __init__(self, session: aiohttp.ClientSession, whatsapp_base: str, max_bytes: int) -> None:
        self._session = session
        self._base = whatsapp_base
        self._max_bytes = max_bytes

    async def transfer(self, channel: Channel, media: Media) -> str | Refused | NotSent:
        """The media id under which WhatsApp holds the file, or why there is none."""
        with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as file:
            problem = await self._download(media, file)
            if problem is not None:
                return problem
            file.seek(0)
            return await self._upload(channel, media, file)

    async def _download(self, media: Media, file: IO[bytes]) -> Refused | NotSent | None:
        try:
            async with self._session.get(media.url or "") as response:
                if response.status != 200:
                    return _unavailable(response.status)
                size = 0
                async for chunk in response.content.iter_chunked(CHUNK):
                    size += len(chunk)
                    if size > self._max_bytes:
                        return Refused(413, "media_too_large", f"the file is larger than {self._max_bytes} bytes")
                    file.write(chunk)
        except (aiohttp.InvalidURL, ValueError):
            return Refused(400, "media_url", "the file's URL is not valid")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return NotSent("media_download", f"the file could not be downloaded: {type(error).__name__}")
        return None

    async def _upload(self, channel: Channel, media: Media, file: IO[bytes]) -> str | Refused | NotSent:
        mime = media.mime if media.mime and _MIME.fullmatch(media.mime) else "application/octet-stream"
        name = _CONTROL.sub(" ", media.filename or "file")
        form = aiohttp.FormData()
        form.add_field("messaging_product", "whatsapp")
        form.add_field("type", mime)
        form.add_field("file", file, filename=name, content_type=mime)
        headers = {"Authorization": f"Bearer {channel.access_token.get_secret_value()}"}
        answer = await post(self._session, f"{self._base}/{channel.phone_number_id}/media", headers, form)
        if not isinstance(answer, Response):
            return NotSent("media_upload", f"the file could not be uploaded: {answer.reason}")
        media_id = (answer.body or {}).get("id")
        if answer.status == 200 and isinstance(media_id, str):
            return media_id
        error = (answer.body or {}).get("error")
        code = str(error.get("code")) if isinstance(error, dict) else f"http_{answer.status}"
        return Refused(answer.status, code, f"WhatsApp refused the file: HTTP {answer.status}, code {code}")


def _unavailable(status: int) -> Refused | NotSent:
    reason = f"the file could not be downloaded: HTTP {status}"
    if status >= 500 or status == 429:
        return NotSent("media_download", reason)
    return Refused(400, "media_gone", reason)
