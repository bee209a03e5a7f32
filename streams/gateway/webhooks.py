"""The routes that WhatsApp and Genesys call: size, signature, owner, translation, append, answer."""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Callable
from functools import lru_cache, partial

import orjson
from aiohttp import web

from schemas.envelope import time_of_milliseconds
from schemas.errors import InvalidInput
from schemas.genesys.webhook import translate_genesys
from schemas.tenant import Channel, Tenant
from schemas.translation import Translated
from schemas.whatsapp.webhook import Change, split_webhook, translate_change
from streams.directory import TenantDirectory
from streams.gateway import signatures
from streams.gateway.appender import Appender
from streams.gateway.batch import Batch
from streams.gateway.bodies import RETRY_AFTER, Bodies, json_bytes, parse_json
from streams.log import LogUnavailable
from streams.problems import problem

logger = logging.getLogger(__name__)

WHATSAPP_ROUTE = "/webhooks/whatsapp/{app}"
GENESYS_ROUTE = "/webhooks/genesys/{integration_id}"

Clock = Callable[[], str]


def now() -> str:
    """Canonical time by this machine's clock."""
    second, milliseconds = divmod(time.time_ns() // 1_000_000, 1000)
    return f"{_text_of_second(second)}.{milliseconds:03}Z"


@lru_cache(maxsize=1)
def _text_of_second(second: int) -> str:
    """Canonical time up to its seconds; made once for the thousands of webhooks that a second may bring."""
    return time_of_milliseconds(second * 1000).removesuffix(".000Z")


class Webhooks:
    """Answers 200 for everything that is rightly signed, and only once Kafka has it (DESIGN.md section 3)."""

    def __init__(self, directory: TenantDirectory, appender: Appender, bodies: Bodies, clock: Clock = now) -> None:
        self._directory = directory
        self._appender = appender
        self._bodies = bodies
        self._clock = clock

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Register the three webhook routes."""
        router.add_get(WHATSAPP_ROUTE, self.handshake, allow_head=False)
        router.add_post(WHATSAPP_ROUTE, self.whatsapp)
        router.add_post(GENESYS_ROUTE, self.genesys)

    async def handshake(self, request: web.Request) -> web.Response:
        """Meta's check of the URL: the bare challenge for the right mode and token, 403 otherwise (whatsapp.md 1.1)."""
        if not self._directory.ready:
            return _unavailable("tenants are not read yet")
        secrets = self._directory.app_secrets(request.match_info["app"])
        tokens = secrets.verify_tokens if secrets else ()
        given = request.query.get("hub.verify_token", "").encode(errors="surrogateescape")
        known = any(hmac.compare_digest(given, token) for token in tokens)
        if request.query.get("hub.mode") != "subscribe" or not known:
            logger.warning("handshake refused", extra={"route": WHATSAPP_ROUTE, "reason": "mode or verify token"})
            return problem(403, detail="hub.mode must be subscribe and hub.verify_token the app's")
        return web.Response(text=request.query.get("hub.challenge", ""))

    async def whatsapp(self, request: web.Request) -> web.Response:
        """Meta's updates for every number of one app."""
        if not self._directory.ready:
            return _unavailable("tenants are not read yet")
        app = request.match_info["app"]
        async with self._bodies.read(request) as body:
            secrets = self._directory.app_secrets(app)
            known = secrets.app_secrets if secrets else ()
            signature = request.headers.get(signatures.HEADER)
            if not signatures.is_signed(signature, body, known, signatures.hex_signature):
                return _refused(WHATSAPP_ROUTE, "unknown app" if secrets is None else _signature_trouble(signature))
            batch = Batch(f"webhooks/whatsapp/{app}", "gateway", self._clock())
            self._fill_from_whatsapp(batch, app, body)
            return await self._appended(batch)

    async def genesys(self, request: web.Request) -> web.Response:
        """One outbound notification of one Genesys integration."""
        if not self._directory.ready:
            return _unavailable("tenants are not read yet")
        integration_id = request.match_info["integration_id"]
        async with self._bodies.read(request) as body:
            owner = self._directory.by_integration(integration_id)
            known = _webhook_secrets(owner[1]) if owner else []
            signature = request.headers.get(signatures.HEADER)
            signed = signatures.is_signed(signature, body, known, signatures.base64_signature)
            if owner is None or not signed:
                return _refused(GENESYS_ROUTE, "unknown integration" if not owner else _signature_trouble(signature))
            batch = Batch(f"webhooks/genesys/{integration_id}", "gateway", self._clock())
            self._fill_from_genesys(batch, *owner, body)
            return await self._appended(batch)

    def _fill_from_whatsapp(self, batch: Batch, app: str, body: bytes) -> None:
        try:
            changes = split_webhook(parse_json(body))
        except InvalidInput as error:
            batch.add_dead_letter(None, body, "not_a_webhook", str(error))
            return
        for change in changes:
            owners = self._owners(app, change)
            for tenant in owners:
                _add(batch, tenant, body, partial(translate_change, change, tenant, batch.recordedtime))
            if not owners:
                self._add_without_owner(batch, app, change, body)

    def _owners(self, app: str, change: Change) -> list[Tenant]:
        """Whose the change is: by its number, else by its account, which several tenants may share."""
        if change.phone_number_id is None:
            return self._directory.by_waba(app, change.waba_id)
        owner = self._directory.by_number(app, change.phone_number_id)
        return [owner[0]] if owner else []

    def _add_without_owner(self, batch: Batch, app: str, change: Change, body: bytes) -> None:
        """Keep what belongs to nobody here, unless it is of a kind that is skipped whoever it belongs to."""
        if change.phone_number_id is not None:
            batch.add_dead_letter(None, json_bytes(change.original, body), "number_not_of_app")
            return
        anybody = self._directory.apps(app)[0][0]
        translated = translate_change(change, anybody, batch.recordedtime)
        if translated.facts or translated.rejected:
            batch.add_dead_letter(None, json_bytes(change.original, body), "account_not_of_app")
        else:
            batch.skipped.update(translated.skipped)

    def _fill_from_genesys(self, batch: Batch, tenant: Tenant, channel: Channel, body: bytes) -> None:
        try:
            parsed = parse_json(body)
        except InvalidInput as error:
            batch.add_dead_letter(tenant, body, "not_json", str(error))
            return
        _add(batch, tenant, body, partial(translate_genesys, parsed, tenant, channel, batch.recordedtime))

    async def _appended(self, batch: Batch) -> web.Response:
        try:
            await self._appender.append(batch)
        except LogUnavailable:
            return _unavailable("the log cannot be written")
        return web.Response(body=orjson.dumps(batch.answer()), content_type="application/json")


def _add(batch: Batch, tenant: Tenant, body: bytes, translate: Callable[[], Translated]) -> None:
    """Add a translation. After a mistake of ours the body is a dead letter: a 500 would have it sent again for days."""
    try:
        translated = translate()
    except Exception as error:
        # The text of the error may quote the message, so only its type is told.
        logger.error("a translation failed", extra={"tenant": tenant.id, "error": type(error).__name__})
        batch.add_dead_letter(tenant, body, "translation_failed", type(error).__name__)
        return
    batch.add(tenant, translated, body)


def _webhook_secrets(channel: Channel) -> list[bytes]:
    secrets = (channel.webhook_secret, channel.previous_webhook_secret)
    return [secret.get_secret_value().encode() for secret in secrets if secret]


def _signature_trouble(header: str | None) -> str:
    return "wrong signature" if header else "no signature"


def _refused(route: str, reason: str) -> web.Response:
    logger.warning("webhook refused", extra={"route": route, "reason": reason})
    # The caller is not told whether the app or integration exists.
    return problem(401, detail=f"expected {signatures.HEADER} with a signature of this body")


def _unavailable(detail: str) -> web.Response:
    return problem(503, detail=detail, headers=RETRY_AFTER)
