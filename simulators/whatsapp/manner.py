"""How the Graph API refuses: its error shape, codes and HTTP statuses (whatsapp.md 5.1 and 5.2)."""

from __future__ import annotations

import secrets

import orjson
from aiohttp import web

from simulators.reception import Refusal

#: Code -> (HTTP status, title), as far as the simulator uses them.
_TITLES = {
    2: (503, "API Service"),
    10: (403, "Application does not have permission for this action"),
    33: (400, "Parameter value is not valid"),
    100: (400, "Invalid parameter"),
    190: (401, "Error validating access token"),
    130429: (400, "Rate limit hit"),
    131000: (500, "Something went wrong"),
    131005: (403, "Access denied"),
    131008: (400, "Required parameter is missing"),
    131009: (400, "Parameter value is not valid"),
    131016: (500, "Service unavailable"),
    131021: (400, "Recipient cannot be sender"),
    131026: (400, "Message undeliverable"),
    131047: (400, "Re-engagement message"),
    131051: (400, "Unsupported message type"),
    131053: (400, "Media upload error"),
    131056: (400, "(Business Account, Consumer Account) pair rate limit hit"),
}

ERRORS_PAGE = "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/"


def title_of(code: int) -> str:
    return _TITLES.get(code, (400, "Something went wrong"))[1]


def refusal(code: int, details: str, status: int | None = None) -> Refusal:
    """A refusal by code, with its usual HTTP status unless given; build on `code` and `details`, never on titles."""
    usual_status, title = _TITLES[code]
    return Refusal(status or usual_status, code, f"(#{code}) {title}", details)


class GraphManner:
    """Errors as the Graph API writes them. Its rate limits are HTTP 400 with a code of their own, not 429."""

    def render(self, request: web.Request, refusal: Refusal) -> web.Response:
        error: dict[str, object] = {
            "message": refusal.message,
            "type": "OAuthException",
            "code": refusal.code,
            "fbtrace_id": secrets.token_urlsafe(12),
        }
        if refusal.detail:
            error["error_data"] = {"messaging_product": "whatsapp", "details": refusal.detail}
        return json_answer({"error": error}, refusal.status)

    def broken(self, status: int) -> Refusal:
        code = {401: 190, 403: 10, 429: 130429, 500: 131000, 503: 131016}.get(status, 131000 if status >= 500 else 100)
        return refusal(code, "Fault injected on request", status)

    def rate_limited(self) -> Refusal:
        return refusal(130429, "Message failed to send because there were too many messages sent in a short time")


def json_answer(body: object, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")
