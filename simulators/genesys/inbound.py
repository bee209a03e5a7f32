"""The four inbound endpoints: what the connector tells Genesys (genesys.md section 3)."""

from __future__ import annotations

import asyncio
import functools
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from simulators.background import Background
from simulators.books import Books
from simulators.config import Behaviour, SimulatedTenant
from simulators.genesys import validation, wire
from simulators.genesys.books import Attachment, GenesysLine
from simulators.genesys.conversations import Conversations
from simulators.genesys.door import Door
from simulators.genesys.manner import json_answer, refusal
from simulators.reception import Call, Reception
from simulators.tenants import Tenants

_BASE = "/api/v2/conversations/messages/{integrationId}/inbound/open/"
_LARGEST_BODY = 512_000
_FETCH_SECONDS = 30.0

Effect = Callable[[web.Request, SimulatedTenant, dict[str, Any]], Awaitable[dict[str, Any]]]


class Inbound:
    """Validates, finds the conversation, enters the books, answers."""

    def __init__(
        self,
        reception: Reception,
        door: Door,
        tenants: Tenants,
        conversations: Conversations,
        books: Books[GenesysLine],
        behaviour: Behaviour,
        background: Background,
        session: aiohttp.ClientSession,
    ) -> None:
        self._reception = reception
        self._door = door
        self._tenants = tenants
        self._conversations = conversations
        self._books = books
        self._behaviour = behaviour
        self._background = background
        self._session = session
        self._seen: set[tuple[str, str]] = set()

    def routes(self) -> list[web.RouteDef]:
        def route(path: str, operation: str, check: Callable[[dict[str, Any]], None], act: Effect) -> web.RouteDef:
            return web.post(_BASE + path, functools.partial(self._receive, operation, check, act))

        return [
            route("message", "message", validation.check_message, self._message),
            route("event", "event", validation.check_event, self._event),
            route("receipt", "receipt", validation.check_receipt, self._receipt),
            route("structured/response", "structured_response", validation.check_structured_response, self._tap),
        ]

    async def _receive(
        self, operation: str, check: Callable[[dict[str, Any]], None], act: Effect, request: web.Request
    ) -> web.StreamResponse:
        raw = await request.read()
        try:
            body = orjson.loads(raw)
        except orjson.JSONDecodeError:
            body = None
        owner = self._tenants.of_integration(request.match_info["integrationId"])
        party = "to" if operation == "receipt" else "from"
        call = Call(
            operation,
            owner.id if owner else None,
            validation.find_text(body, "channel", party, "id"),
            _id_for_ledger(operation, body),
            body,
        )

        async def admitted() -> web.StreamResponse:
            caller = self._door.admit(request)
            if len(raw) > _LARGEST_BODY:
                raise refusal(413)
            if request.content_type != "application/json":
                raise refusal(415)
            if not isinstance(body, dict):
                raise refusal(400)
            if owner is None or owner.id != caller.id:
                raise refusal(404)
            check(body)
            return json_answer(await act(request, owner, body), self._behaviour.success_status)

        return await self._reception.receive(request, call, admitted)

    async def _message(self, request: web.Request, tenant: SimulatedTenant, body: dict[str, Any]) -> dict[str, Any]:
        self._refuse_copy(tenant, body)
        line = await self._enter(tenant, body, "text")
        line.text = body.get("text")
        answer = wire.inbound_answer(tenant.genesys.integration_id, body, "Text") | {"id": line.id}
        for name in ("text", "metadata"):
            if name in body:
                answer[name] = body[name]
        if body.get("content"):
            attachment = body["content"][0]["attachment"]
            answer["content"] = [{"contentType": "Attachment", "attachment": attachment}]
            line.kind = attachment["mediaType"].lower()
            line.text = body.get("text") or attachment.get("text")
            line.attachment = Attachment(attachment["url"], attachment["mime"])
            self._background.start(self._fetch(line.attachment))
        if request.query.get("prefetchConversationId", "").lower() == "true":
            answer["conversationId"] = line.conversation_id
        return answer

    async def _event(self, request: web.Request, tenant: SimulatedTenant, body: dict[str, Any]) -> dict[str, Any]:
        await self._conversations.join(tenant.genesys.integration_id, body["channel"]["from"]["id"])
        return wire.inbound_answer(tenant.genesys.integration_id, body, "Event") | {"events": body["events"]}

    async def _tap(self, request: web.Request, tenant: SimulatedTenant, body: dict[str, Any]) -> dict[str, Any]:
        if self._behaviour.unknown_ids == "refuse" and self._books.get(body["originatingMessageId"]) is None:
            raise refusal(404)
        line = await self._enter(tenant, body, "structured_response")
        line.text = body["buttonResponse"]["text"]
        line.payload = body["buttonResponse"]["payload"]
        line.originating_message_id = body["originatingMessageId"]
        return wire.inbound_answer(tenant.genesys.integration_id, body, "Structured") | {
            "id": line.id,
            "direction": "Inbound",
            "content": [{"contentType": "ButtonResponse", "buttonResponse": body["buttonResponse"]}],
        }

    async def _receipt(self, request: web.Request, tenant: SimulatedTenant, body: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(self._behaviour.processing_seconds)
        line = self._books.get(body["id"])
        if line is not None and line.tenant == tenant.id:
            line.receipt = body["status"]
            line.reasons = body.get("reasons")
        elif self._behaviour.unknown_ids == "refuse":
            raise refusal(404)
        answer = wire.inbound_answer(tenant.genesys.integration_id, body, "Receipt")
        answer |= {"id": body["id"], "status": body["status"], "direction": "Outbound"}
        return answer | {name: body[name] for name in ("reasons", "isFinalReceipt") if name in body}

    async def _enter(self, tenant: SimulatedTenant, body: dict[str, Any], kind: str) -> GenesysLine:
        customer = body["channel"]["from"]["id"]
        conversation = await self._conversations.join(tenant.genesys.integration_id, customer)
        line = GenesysLine(
            id=wire.new_message_id(),
            direction="inbound",
            customer=customer,
            tenant=tenant.id,
            text=None,
            kind=kind,
            conversation_id=conversation.id,
            at=wire.instant(),
            wamid=body["channel"].get("messageId"),
        )
        conversation.messages.append(line.id)
        return self._books.add(line.id, line)

    def _refuse_copy(self, tenant: SimulatedTenant, body: dict[str, Any]) -> None:
        """With `duplicates=conflict`: 409 to a second post of one `channel.messageId` (undocumented in life)."""
        message_id = body["channel"].get("messageId")
        if self._behaviour.duplicates == "accept" or message_id is None:
            return
        key = (tenant.genesys.integration_id, message_id)
        if key in self._seen:
            raise refusal(409)
        self._seen.add(key)

    async def _fetch(self, attachment: Attachment) -> None:
        """Fetches inbound media as Genesys does, without credentials, and books what came."""
        digest, length = hashlib.sha256(), 0
        try:
            async with asyncio.timeout(_FETCH_SECONDS), self._session.get(attachment.url) as answer:
                async for chunk in answer.content.iter_chunked(65_536):
                    digest.update(chunk)
                    length += len(chunk)
        except (aiohttp.ClientError, TimeoutError, OSError):
            return
        attachment.status, attachment.sha256, attachment.length = answer.status, digest.hexdigest(), length


def _id_for_ledger(operation: str, body: object) -> str | None:
    """`channel.messageId`; a receipt need not carry one: then the id of the message that it is about."""
    message_id = validation.find_text(body, "channel", "messageId")
    return message_id or (validation.find_text(body, "id") if operation == "receipt" else None)
