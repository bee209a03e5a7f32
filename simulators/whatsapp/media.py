"""Media: upload, id to short-lived URL, download with the bearer token (whatsapp.md 4.4)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass

from aiohttp import web

from simulators.config import Behaviour, SimulatedTenant
from simulators.reception import Call, Reception
from simulators.tenants import Tenants
from simulators.whatsapp.door import caller_of, number_of
from simulators.whatsapp.manner import json_answer, refusal

_MEGABYTE = 2**20
_DOCUMENTS = (
    "text/plain",
    "application/pdf",
    "application/msword",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
)
#: Accepted media types of an upload and the largest size of each, in bytes.
_LARGEST = (
    dict.fromkeys(("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"), 16 * _MEGABYTE)
    | dict.fromkeys(("image/jpeg", "image/png"), 5 * _MEGABYTE)
    | dict.fromkeys(("video/mp4", "video/3gpp"), 16 * _MEGABYTE)
    | dict.fromkeys(_DOCUMENTS, 100 * _MEGABYTE)
    | {"image/webp": 500 * 1024}
)
DOWNLOAD_PATH = "/whatsapp_business/attachments/"


@dataclass(frozen=True, slots=True)
class Media:
    """Stored media of one business number."""

    id: str
    phone_number_id: str
    content: bytes
    mime: str

    def digest(self) -> bytes:
        return hashlib.sha256(self.content).digest()


class MediaStore:
    """Media by id, kept while the simulator runs."""

    def __init__(self) -> None:
        self._media: dict[str, Media] = {}

    def put(self, tenant: SimulatedTenant, content: bytes, mime: str) -> Media:
        media = Media(str(10**15 + secrets.randbelow(10**15)), tenant.whatsapp.phone_number_id, content, mime)
        self._media[media.id] = media
        return media

    def get(self, media_id: str) -> Media | None:
        return self._media.get(media_id)

    def as_in_webhook(self, media: Media) -> dict[str, str]:
        """The fields a webhook gives of it; there the digest is base64, while the media route gives hex."""
        digest = base64.b64encode(media.digest()).decode()
        return {"mime_type": media.mime, "sha256": digest, "id": media.id}


class MediaRoutes:
    """Upload, look-up and download; links carry their expiry and are signed, so nothing is kept for them."""

    def __init__(self, reception: Reception, tenants: Tenants, store: MediaStore, behaviour: Behaviour) -> None:
        self._reception = reception
        self._tenants = tenants
        self._store = store
        self._behaviour = behaviour
        self._link_key = secrets.token_bytes(32)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post(r"/{version:v\d+\.\d+}/{phone_number_id}/media", self._upload),
            web.get(r"/{version:v\d+\.\d+}/{media_id:\d+}", self._look_up),
            web.get(DOWNLOAD_PATH, self._download),
        ]

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        form = await request.post() if request.content_type == "multipart/form-data" else {}
        file = form.get("file")
        content = file.file.read() if isinstance(file, web.FileField) else b""
        mime = str(form.get("type") or (file.content_type if isinstance(file, web.FileField) else ""))
        tenant = self._tenants.of_number(request.match_info["phone_number_id"])
        call = Call("media", tenant.id if tenant else None, body={"type": mime, "length": len(content)})

        async def act() -> web.StreamResponse:
            owner = number_of(request, self._tenants)
            if form.get("messaging_product") != "whatsapp":
                raise refusal(100, "The parameter messaging_product is required.")
            if not isinstance(file, web.FileField):
                raise refusal(100, "The parameter file is required.")
            largest = _LARGEST.get(mime.partition(";")[0].strip())
            if largest is None:
                raise refusal(100, f"Param file must be of a supported type, got {mime!r}.")
            if not 0 < len(content) <= largest:
                raise refusal(100, f"Param file must have 1 to {largest} bytes for {mime}.")
            return json_answer({"id": self._store.put(owner, content, mime).id})

        return await self._reception.receive(request, call, act)

    async def _look_up(self, request: web.Request) -> web.StreamResponse:
        media_id = request.match_info["media_id"]

        async def act() -> web.StreamResponse:
            media = self._of_caller(request, media_id)
            asked = request.query.get("phone_number_id")
            if media is None or asked not in (None, media.phone_number_id):
                raise refusal(100, f"Object with ID '{media_id}' does not exist or is not of this number.")
            expires = int(time.time() + self._behaviour.media_url_seconds)
            signed = f"?mid={media_id}&ext={expires}&hash={self._sign(media_id, expires)}"
            return json_answer(
                {
                    "messaging_product": "whatsapp",
                    "url": f"{request.url.origin()}{DOWNLOAD_PATH}{signed}",
                    "mime_type": media.mime,
                    "sha256": media.digest().hex(),
                    "file_size": len(media.content),
                    "id": media_id,
                }
            )

        return await self._reception.receive(request, self._call(media_id), act)

    async def _download(self, request: web.Request) -> web.StreamResponse:
        media_id, expires = request.query.get("mid", ""), request.query.get("ext", "")

        async def act() -> web.StreamResponse:
            media = self._of_caller(request, media_id)
            genuine = expires.isdecimal() and hmac.compare_digest(
                self._sign(media_id, int(expires)), request.query.get("hash", "")
            )
            if media is None or not genuine or time.time() >= int(expires):
                raise refusal(100, "The media link has expired.", status=404)
            return web.Response(body=media.content, headers={"Content-Type": media.mime})

        return await self._reception.receive(request, self._call(media_id), act)

    def _call(self, media_id: str) -> Call:
        media = self._store.get(media_id)
        tenant = self._tenants.of_number(media.phone_number_id) if media else None
        return Call("media", tenant.id if tenant else None, id=media_id)

    def _of_caller(self, request: web.Request, media_id: str) -> Media | None:
        """The media if it is of a number that the caller's token may use."""
        caller = caller_of(request, self._tenants)
        media = self._store.get(media_id)
        owner = self._tenants.of_number(media.phone_number_id) if media else None
        return media if owner and owner.whatsapp.access_token == caller.whatsapp.access_token else None

    def _sign(self, media_id: str, expires: int) -> str:
        return hmac.digest(self._link_key, f"{media_id}:{expires}".encode(), "sha256").hex()[:32]
