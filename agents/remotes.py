"""Genesys and WhatsApp as the sender sees them: stage a call, wait for a permit, send it once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import aiohttp
from msgspec import Struct
from msgspec.structs import replace

from agents.answers import Answer, NotSent, Refused, Taken, Unanswered
from agents.circuit import Verdict
from agents.conversations import Conversation
from agents.look_up import Found, Unsure, find_message
from agents.media import MediaTransfer
from agents.metrics import SenderMetrics
from agents.policy import Cause, cause_of
from agents.post import Response, get_json, post_json
from agents.rates import RateTable, TokenBucket
from agents.tokens import MintFailed, TokenCache
from schemas.delivery import Call, Kind
from schemas.outcomes import Platform
from schemas.tenant import Channel, GenesysClient, Tenant
from schemas.whatsapp.failures import in_words

#: Between threads, what a customer sees goes before receipts, and those before typing, which is dropped when it is late
#: and so needs no bound on its wait: its rank lets it go before nothing.
RANK: dict[Kind, int] = {"message": 0, "receipt": 1, "typing": 1000}


#: Of a business number's throughput so much is used: with what may go out at once, no second has more than it allows.
USED_SHARE = 0.97
#: Genesys's own timeouts: what it gave up waiting for may yet take effect (genesys.md section 8).
_TIMED_OUT = frozenset({408, 504})


class NotReady(Exception):
    """A call could not be prepared; ``answer`` says why. Nothing was sent."""

    def __init__(self, answer: Refused | NotSent, verdict: Verdict = Verdict.NOTHING) -> None:
        super().__init__(answer.reason)
        self.answer = answer
        self.verdict = verdict


class Permit(Struct, frozen=True):
    """The right to make one call now, with what it needs."""

    tenant: Tenant
    token: str
    bucket: TokenBucket
    #: Genesys only: whose token it is.
    client: GenesysClient | None = None


class Remote(Protocol):
    """One platform."""

    async def stage(self, tenant: Tenant, channel: Channel, call: Call) -> Call:
        """Do what must precede the call and has no effect that a customer sees (files). Raises NotReady."""
        ...

    async def permit(self, tenant: Tenant, channel: Channel, kind: Kind) -> Permit:
        """Wait for the rate limit and have a token ready; call ``bucket.done()`` afterwards. Raises NotReady."""
        ...

    async def send(self, permit: Permit, call: Call) -> Answer:
        """Make the call, once."""
        ...

    async def look_up(self, tenant: Tenant, channel: Channel, call: Call, conversation: Conversation) -> Found:
        """Did ``call``, which had no answer, take effect? ``conversation`` is the thread's. Raises NotReady."""
        ...

    def refused_token(self, permit: Permit) -> None:
        """The platform did not accept the permit's token."""
        ...


class GenesysRemote:
    """Genesys Cloud Open Messaging (genesys.md sections 1, 3, 8)."""

    def __init__(
        self, session: aiohttp.ClientSession, tokens: TokenCache, rates: RateTable, clock: Callable[[], float]
    ) -> None:
        self._session = session
        self._tokens = tokens
        self._rates = rates
        self._clock = clock

    async def stage(self, tenant: Tenant, channel: Channel, call: Call) -> Call:
        """Nothing: Genesys fetches files itself."""
        return call

    async def permit(self, tenant: Tenant, channel: Channel, kind: Kind) -> Permit:
        """The permit of whichever OAuth client of the tenant has one first, and whose token can be had."""
        clients = list(tenant.genesys.clients)
        while True:
            buckets = [self._bucket(tenant, client) for client in clients]
            client = clients[await self._rates.permit(f"genesys:{tenant.id}", buckets, RANK[kind])]
            bucket = self._bucket(tenant, client)
            given = False
            try:
                token = await self._tokens.token(tenant.genesys, client)
                # While it was minted, others may have used the budget up.
                given = not bucket.forbids(self._clock())
                if given:
                    return Permit(tenant, token, bucket, client)
            except MintFailed as failed:
                clients.remove(client)
                if not clients:
                    raise NotReady(failed.answer, _mint_verdict(failed.answer)) from failed
            finally:
                if not given:
                    bucket.done()

    def _bucket(self, tenant: Tenant, client: GenesysClient) -> TokenBucket:
        return self._rates.bucket(f"genesys:{client.client_id}", tenant.partition, client.calls_per_minute)

    async def send(self, permit: Permit, call: Call) -> Answer:
        """POST to the inbound endpoint that the plan names."""
        url = permit.tenant.genesys.api_url.rstrip("/") + call.path
        asked = self._clock()
        with permit.bucket.making():
            answer = await post_json(self._session, url, permit.token, call.payload)
        if not isinstance(answer, Response):
            return answer
        self._observe(permit.bucket, answer.headers, asked)
        if answer.status == 429:
            self._freeze(permit.bucket, answer)
        return _genesys_answer(answer, call)

    def _freeze(self, bucket: TokenBucket, answer: Response) -> None:
        """At once, before anything is recorded: whoever has a permit already must not use it."""
        bucket.freeze(self._clock(), (_retry_after(answer) or 1.0) + 1.0)

    async def look_up(self, tenant: Tenant, channel: Channel, call: Call, conversation: Conversation) -> Found:
        """Read the conversation and what is new in it, each call under a permit of its own."""
        message_id = call.body["channel"].get("messageId")
        if not isinstance(message_id, str):
            return Unsure("the call names no message", again=False)

        async def get(path: str) -> dict[str, Any] | Unsure:
            return await self._read(await self.permit(tenant, channel, "message"), path)

        return await find_message(get, conversation, message_id)

    async def _read(self, permit: Permit, path: str) -> dict[str, Any] | Unsure:
        url, asked = permit.tenant.genesys.api_url.rstrip("/") + path, self._clock()
        try:
            with permit.bucket.making():
                answer = await get_json(self._session, url, permit.token)
        finally:
            permit.bucket.done()
        if not isinstance(answer, Response):
            return Unsure(answer.reason, again=True, verdict=Verdict.TRANSPORT)
        self._observe(permit.bucket, answer.headers, asked)
        if answer.status == 200 and answer.body is not None:
            return answer.body
        if answer.status == 401:
            self.refused_token(permit)
        elif answer.status == 429:
            self._freeze(permit.bucket, answer)
        # Details may be missing briefly after the message was taken (genesys.md section 7).
        again = answer.status in (401, 404, 408, 429) or answer.status >= 500
        return Unsure(f"{path}: HTTP {answer.status}", again)

    def refused_token(self, permit: Permit) -> None:
        """Drop the token, so that the next permit mints one."""
        if permit.client is not None:
            self._tokens.drop(permit.tenant.genesys, permit.client, permit.token)

    def _observe(self, bucket: TokenBucket, headers: Any, asked: float) -> None:
        try:
            used, allowed = int(headers["inin-ratelimit-count"]), int(headers["inin-ratelimit-allowed"])
            reset = float(headers["inin-ratelimit-reset"])
        except (KeyError, ValueError):
            return
        now = self._clock()
        bucket.observe(now, used, allowed, reset, took=now - asked)


class WhatsAppRemote:
    """WhatsApp Cloud API (whatsapp.md sections 4 and 5)."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        media: MediaTransfer,
        rates: RateTable,
        base_url: str,
        clock: Callable[[], float],
    ) -> None:
        self._session = session
        self._media = media
        self._rates = rates
        self._base_url = base_url
        self._clock = clock

    async def stage(self, tenant: Tenant, channel: Channel, call: Call) -> Call:
        """Download and upload the call's file, and name it by its new id.

        Only the send itself is a delivery attempt.
        """
        if call.media is None:
            return call
        media_id = await self._media.transfer(channel, call.media)
        if not isinstance(media_id, str):
            raise NotReady(media_id)
        kind = str(call.body["type"])
        body = {**call.body, kind: {**call.body.get(kind, {}), "id": media_id}}
        return replace(call, body=body, media=None)

    async def permit(self, tenant: Tenant, channel: Channel, kind: Kind) -> Permit:
        """A permit of the business number's throughput."""
        name, allowed = f"whatsapp:{channel.phone_number_id}", round(USED_SHARE * 60 * channel.messages_per_second)
        bucket = self._rates.bucket(name, tenant.partition, allowed)
        # WhatsApp never tells what it allows, so that the record's word holds, not that of a row of before.
        bucket.allowed, bucket.burst_seconds = float(allowed), 1.0 / USED_SHARE - 1.0
        await self._rates.permit(name, [bucket], RANK[kind])
        return Permit(tenant, channel.access_token.get_secret_value(), bucket)

    async def send(self, permit: Permit, call: Call) -> Answer:
        """POST to ``/{phone_number_id}/messages``."""
        with permit.bucket.making():
            answer = await post_json(self._session, self._base_url + call.path, permit.token, call.payload)
        if not isinstance(answer, Response):
            return answer
        said = _whatsapp_answer(answer)
        if isinstance(said, Refused) and cause_of("whatsapp", said) is Cause.RATE:
            # At once, before anything is recorded: whoever has a permit already must not use it.
            permit.bucket.freeze(self._clock(), (said.retry_after or 0.0) + 1.0)
        return said

    async def look_up(self, tenant: Tenant, channel: Channel, call: Call, conversation: Conversation) -> Found:
        """WhatsApp cannot be asked: its statuses tell, see agents.sightings."""
        return Unsure("WhatsApp has no such call", again=False)

    def refused_token(self, permit: Permit) -> None:
        """Nothing to renew: the access token is the tenant's configuration."""


def remotes(
    session: aiohttp.ClientSession,
    rates: RateTable,
    clock: Callable[[], float],
    whatsapp_base: str,
    max_media_bytes: int,
    metrics: SenderMetrics,
) -> dict[Platform, Remote]:
    """Both platforms over one HTTP session."""
    media = MediaTransfer(session, whatsapp_base, max_media_bytes)
    return {
        "genesys": GenesysRemote(session, TokenCache(session, clock, metrics.mints), rates, clock),
        "whatsapp": WhatsAppRemote(session, media, rates, whatsapp_base, clock),
    }


def _mint_verdict(answer: Refused | NotSent) -> Verdict:
    if isinstance(answer, NotSent) and answer.code == "configuration":
        return Verdict.CONFIGURATION
    if isinstance(answer, NotSent) or answer.status >= 500:
        return Verdict.TRANSPORT
    return Verdict.NOTHING if answer.status == 429 else Verdict.CREDENTIALS


def _genesys_answer(answer: Response, call: Call) -> Answer:
    body = answer.body or {}
    context_id = answer.headers.get("ININ-Correlation-Id") or _text(body.get("contextId"))
    if 200 <= answer.status < 300:
        # A 2xx answer to a receipt can be a failure itself (genesys.md section 5); to one that says Failed it echoes.
        if body.get("status") == "Failed" != call.body.get("status"):
            reasons = "; ".join(
                str(r.get("message", r.get("code", ""))) for r in body.get("reasons") or [] if isinstance(r, dict)
            )
            return Refused(answer.status, "receipt_failed", reasons or "the receipt was not applied", None, context_id)
        return Taken(answer.status, _text(body.get("id")), _text(body.get("conversationId")), context_id)
    if answer.status >= 500 and not body.get("code"):
        return Unanswered(f"http_{answer.status}", f"HTTP {answer.status} without an error of Genesys's own")
    if answer.status in _TIMED_OUT:
        return Unanswered(f"http_{answer.status}", str(body.get("message", "Genesys gave up waiting")))
    code, reason = str(body.get("code", f"http_{answer.status}")), str(body.get("message", f"HTTP {answer.status}"))
    return Refused(answer.status, code, reason, _retry_after(answer), context_id)


def _whatsapp_answer(answer: Response) -> Answer:
    body = answer.body or {}
    if 200 <= answer.status < 300:
        messages = body.get("messages")
        first = messages[0] if isinstance(messages, list) and messages and isinstance(messages[0], dict) else {}
        return Taken(answer.status, _text(first.get("id")))
    error = body.get("error")
    if not isinstance(error, dict):
        if answer.status >= 500:
            return Unanswered(f"http_{answer.status}", f"HTTP {answer.status} without an error of WhatsApp's own")
        error = {}
    details = error.get("error_data")
    detail = details.get("details") if isinstance(details, dict) else details
    code = str(error.get("code", f"http_{answer.status}"))
    return Refused(
        status=answer.status,
        code=code,
        reason=in_words(code, str(detail or error.get("message") or f"HTTP {answer.status}")),
        retry_after=_retry_after(answer),
        context_id=_text(error.get("fbtrace_id")),
    )


def _retry_after(answer: Response) -> float | None:
    try:
        return float(answer.headers["Retry-After"])
    except (KeyError, ValueError):
        return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
