"""The Genesys Cloud simulator as one aiohttp application."""

from __future__ import annotations

import time
from typing import Any, cast

import aiohttp
import orjson
from aiohttp import web

from simulators.background import Background, Lanes
from simulators.books import Books
from simulators.config import Behaviour
from simulators.control import Control
from simulators.faults import Faults
from simulators.genesys.agents import Agents
from simulators.genesys.books import GenesysLine
from simulators.genesys.conversations import Conversations
from simulators.genesys.door import Door
from simulators.genesys.inbound import Inbound
from simulators.genesys.manner import TOKEN_PATH, GenesysManner, correlate, json_answer, refusal, stamp_headers
from simulators.genesys.reads import conversation_of, details_of
from simulators.genesys.tokens import Tokens, client_of_basic
from simulators.ledger import Ledger
from simulators.reception import Call, Reception
from simulators.tenants import Tenants
from simulators.webhooks import RetryPolicy, WebhookSender, genesys_verdict

_LARGEST_BODY = 64 * 2**20


class GenesysApi:
    """Tokens and the calls about conversations that are not inbound messages."""

    def __init__(
        self,
        reception: Reception,
        tenants: Tenants,
        tokens: Tokens,
        door: Door,
        conversations: Conversations,
        books: Books[GenesysLine],
    ) -> None:
        self._reception = reception
        self._tenants = tenants
        self._tokens = tokens
        self._door = door
        self._conversations = conversations
        self._books = books

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post(TOKEN_PATH, self._token),
            web.get("/api/v2/conversations/messages/{messageId}/details", self._details),
            web.get("/api/v2/conversations/messages/{conversationId}", self._conversation),
            web.patch("/api/v2/conversations/messages/{conversationId}", self._disconnect),
        ]

    def fallback(self) -> web.RouteDef:
        """Whatever no other route takes; to be added last."""
        return web.route("*", "/{tail:.*}", self._unknown)

    async def _token(self, request: web.Request) -> web.StreamResponse:
        form = dict(await request.post())
        authorization = request.headers.get("Authorization", "")
        tenant = self._tenants.of_client(client_of_basic(authorization)[0])
        call = Call("token", tenant.id if tenant else None, body={"grant_type": str(form.get("grant_type"))})

        async def act() -> web.StreamResponse:
            return json_answer(self._tokens.mint(authorization, form, time.monotonic()))

        return await self._reception.receive(request, call, act)

    async def _details(self, request: web.Request) -> web.StreamResponse:
        message_id = request.match_info["messageId"]
        line = self._books.get(message_id)
        call = Call("read", line.tenant if line else None, line.customer if line else None, message_id)

        async def act() -> web.StreamResponse:
            caller = self._door.admit(request)
            if line is None or line.tenant != caller.id:
                raise refusal(404)
            return json_answer(details_of(line))

        return await self._reception.receive(request, call, act)

    async def _conversation(self, request: web.Request) -> web.StreamResponse:
        conversation_id = request.match_info["conversationId"]
        conversation = self._conversations.get(conversation_id)
        owner = self._tenants.of_integration(conversation.integration_id) if conversation else None
        customer = conversation.customer if conversation else None
        call = Call("read", owner.id if owner else None, customer, conversation_id)

        async def act() -> web.StreamResponse:
            caller = self._door.admit(request)
            if conversation is None or owner is None or owner.id != caller.id:
                raise refusal(404, "conversation.error.conversation.not.found")
            lines = [line for line in map(self._books.get, conversation.messages) if line is not None]
            return json_answer(conversation_of(conversation, lines))

        return await self._reception.receive(request, call, act)

    async def _disconnect(self, request: web.Request) -> web.StreamResponse:
        """`{"state": "disconnected"}` ends the conversation; a message within the threading window reopens it."""
        raw = await request.read()
        try:
            body: Any = orjson.loads(raw)
        except orjson.JSONDecodeError:
            body = None
        conversation = self._conversations.get(request.match_info["conversationId"])
        owner = self._tenants.of_integration(conversation.integration_id) if conversation else None
        call = Call("other", owner.id if owner else None, conversation.customer if conversation else None, body=body)

        async def act() -> web.StreamResponse:
            caller = self._door.admit(request)
            if conversation is None or owner is None or owner.id != caller.id:
                raise refusal(404, "conversation.error.conversation.not.found")
            if not isinstance(body, dict) or body.get("state") != "disconnected":
                raise refusal(400, "invalid.value", "state: expected disconnected", "state")
            self._conversations.disconnect(conversation)
            return json_answer({"id": conversation.id, "state": "disconnected"})

        return await self._reception.receive(request, call, act)

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        async def act() -> web.StreamResponse:
            raise refusal(404)

        return await self._reception.receive(request, Call("other", id=request.path), act)


def genesys_application(
    tenants: Tenants, behaviour: Behaviour, session: aiohttp.ClientSession, background: Background
) -> web.Application:
    """Composes the simulator; it owns its ledger, books, faults, tokens and conversations."""
    ledger, faults = Ledger(behaviour.ledger_rows), Faults()
    books: Books[GenesysLine] = Books(behaviour.ledger_rows)
    tokens = Tokens(tenants, behaviour)
    door = Door(tenants, tokens)
    conversations = Conversations(behaviour)
    reception = Reception(ledger, faults, GenesysManner())
    policy = RetryPolicy(
        (behaviour.genesys_retry_gap,) * behaviour.genesys_retries, behaviour.genesys_timeout, genesys_verdict
    )
    sender = WebhookSender(session, policy, behaviour.webhook_concurrency, faults)
    lanes = Lanes(background, behaviour.parallel_webhooks)
    api = GenesysApi(reception, tenants, tokens, door, conversations, books)

    application = web.Application(middlewares=[correlate], client_max_size=_LARGEST_BODY)
    application.on_response_prepare.append(stamp_headers)
    control = Control(tenants, ledger, cast("Books[object]", books), faults, door.change_limits)
    agents = Agents(tenants, conversations, books, behaviour, lanes, sender, reception)
    inbound = Inbound(reception, door, tenants, conversations, books, behaviour, background, session)
    for routes in (
        control.routes(),
        inbound.routes(),
        agents.routes(),
        api.routes(),
        [control.fallback(), api.fallback()],
    ):
        application.add_routes(routes)
    return application
