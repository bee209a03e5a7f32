"""The agents' side: what they write becomes outbound notifications to the connector (genesys.md section 4)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import mimetypes
import secrets
import time
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from aiohttp import web
from pydantic import Base64Bytes, BaseModel, ConfigDict, model_validator

from simulators.background import Lanes
from simulators.books import Books
from simulators.config import Behaviour, SimulatedTenant
from simulators.control import bad_request, read_model
from simulators.genesys import wire
from simulators.genesys.books import Attachment, GenesysLine
from simulators.genesys.conversations import Conversations
from simulators.genesys.manner import refusal
from simulators.reception import Call, Reception
from simulators.tenants import Tenants
from simulators.webhooks import WebhookSender


class QuickReply(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str
    payload: str


class Image(BaseModel):
    model_config = ConfigDict(extra="forbid")

    content_base64: Base64Bytes
    mime: str = "image/jpeg"


class PublishedReceipt(BaseModel):
    """A receipt that Genesys sends about an inbound message (genesys.md section 5)."""

    model_config = ConfigDict(extra="forbid")

    id: str
    status: Literal["Published", "Failed"]


class AgentMessage(BaseModel):
    """Body of `POST /_simulator/agents/messages`: text, text with quick replies, an image, typing, or a receipt."""

    model_config = ConfigDict(extra="forbid")

    integration: str
    to: str
    text: str | None = None
    quick_replies: list[QuickReply] | None = None
    image: Image | None = None
    event: Literal["typing"] | None = None
    receipt: PublishedReceipt | None = None

    @model_validator(mode="after")
    def _says_something(self) -> AgentMessage:
        if not (self.text or self.image or self.event or self.receipt):
            raise ValueError("expected one of text, image, event or receipt")
        if self.quick_replies and not self.text:
            raise ValueError("quick_replies: expected a text with them")
        return self


@dataclass(frozen=True, slots=True)
class Download:
    """Outbound media; `until` is monotonic seconds."""

    content: bytes
    mime: str
    until: float


class Agents:
    """Turns what agents say into signed webhooks, one customer's in order, and serves their media."""

    def __init__(
        self,
        tenants: Tenants,
        conversations: Conversations,
        books: Books[GenesysLine],
        behaviour: Behaviour,
        lanes: Lanes,
        sender: WebhookSender,
        reception: Reception,
    ) -> None:
        self._tenants = tenants
        self._conversations = conversations
        self._books = books
        self._behaviour = behaviour
        self._lanes = lanes
        self._sender = sender
        self._reception = reception
        self._downloads: dict[str, Download] = {}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/_simulator/agents/messages", self._say),
            web.get("/api/v2/downloads/{id}", self._download),
        ]

    async def _say(self, request: web.Request) -> web.Response:
        said = await read_model(request, AgentMessage)
        if isinstance(said, web.Response):
            return said
        tenant = self._tenants.of_integration(said.integration)
        if tenant is None:
            return bad_request(f"integration: {said.integration!r} is not known here", status=404)
        if said.receipt is not None:
            message = self._receipt(tenant, said.to, said.receipt)
            line = None
        else:
            message, line = self._message(tenant, said, str(request.url.origin()))
        body = orjson.dumps(message)
        self._lanes.add((said.integration, said.to), lambda: self._deliver(tenant, body, line))
        return web.json_response({"id": message["id"]})

    def _message(
        self, tenant: SimulatedTenant, said: AgentMessage, origin: str
    ) -> tuple[dict[str, Any], GenesysLine | None]:
        conversation = self._conversations.for_agent(said.integration, said.to)
        message_id = wire.new_message_id()
        kind = "Event" if said.event else "Structured" if said.quick_replies else "Text"
        message = wire.notification(tenant.genesys, said.to, conversation.id, message_id, kind)
        if said.event:
            return message | {"events": [{"eventType": "Typing", "typing": {"type": "On", "duration": 5000}}]}, None
        message["originatingEntity"] = "Human"
        line = GenesysLine(
            id=message_id,
            direction="outbound",
            customer=said.to,
            tenant=tenant.id,
            text=said.text,
            kind="image" if said.image else "structured" if said.quick_replies else "text",
            conversation_id=conversation.id,
            at=message["channel"]["time"],
            webhook="pending",
        )
        if said.text:
            message["text"] = said.text
        if said.quick_replies:
            message["content"] = [
                {"contentType": "QuickReply", "quickReply": reply.model_dump() | {"action": "Message"}}
                for reply in said.quick_replies
            ]
        elif said.image:
            message["content"] = [{"contentType": "Attachment", "attachment": self._attach(said.image, origin, line)}]
        conversation.messages.append(message_id)
        return message, self._books.add(message_id, line)

    def _receipt(self, tenant: SimulatedTenant, customer: str, receipt: PublishedReceipt) -> dict[str, Any]:
        message = wire.notification(tenant.genesys, customer, None, receipt.id, "Receipt")
        message |= {"direction": "Inbound", "status": receipt.status, "isFinalReceipt": True}
        if receipt.status == "Failed":
            message["reasons"] = [{"code": "GeneralError", "message": "The message could not be processed."}]
        return message

    def _attach(self, image: Image, origin: str, line: GenesysLine) -> dict[str, Any]:
        download_id = secrets.token_hex(16)
        until = time.monotonic() + self._behaviour.download_seconds
        self._downloads[download_id] = Download(image.content_base64, image.mime, until)
        url = f"{origin}/api/v2/downloads/{download_id}"
        digest = hashlib.sha256(image.content_base64).hexdigest()
        line.attachment = Attachment(url, image.mime, sha256=digest, length=len(image.content_base64))
        return {
            "id": download_id,
            "mediaType": "Image",
            "url": url,
            "mime": image.mime,
            "filename": f"image{mimetypes.guess_extension(image.mime) or ''}",
            "contentSizeBytes": len(image.content_base64),
        }

    async def _deliver(self, tenant: SimulatedTenant, body: bytes, line: GenesysLine | None) -> None:
        signature = hmac.digest(tenant.genesys.webhook_secret.encode(), body, "sha256")
        headers = {
            "Content-Type": "application/json",
            "X-Hub-Signature-256": f"sha256={base64.b64encode(signature).decode()}",
        }
        delivery = await self._sender.deliver(tenant.id, tenant.genesys.webhook_url, body, headers)
        if line is not None:
            line.webhook = "accepted" if delivery.accepted else "lost"
            line.attempts = delivery.attempts

    async def _download(self, request: web.Request) -> web.StreamResponse:
        """Outbound media by its unguessable link, which expires; no bearer token (its real lifetime is unknown)."""
        download_id = request.match_info["id"]

        async def act() -> web.StreamResponse:
            download = self._downloads.get(download_id)
            if download is None or time.monotonic() >= download.until:
                raise refusal(404)
            return web.Response(body=download.content, content_type=download.mime)

        return await self._reception.receive(request, Call("media", id=download_id), act)
