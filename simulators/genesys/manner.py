"""How Genesys Cloud refuses: its ErrorBody, its OAuth errors, and the headers on every answer."""

from __future__ import annotations

import uuid

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from simulators.limits import Taken
from simulators.reception import Refusal

TOKEN_PATH = "/oauth/token"

_CORRELATION = web.RequestKey("correlation", str)
_RATE = web.RequestKey("rate", Taken)

_BY_STATUS = {
    400: ("bad.request", "The request could not be understood by the server due to malformed syntax."),
    401: ("bad.credentials", "Invalid login credentials."),
    403: ("not.authorized", "You are not authorized to perform the requested action."),
    404: ("not.found", "The requested resource was not found."),
    408: ("client.timeout", "The client did not produce a request within the server timeout limit."),
    409: ("request.conflict", "The request conflicts with the current state of the target resource."),
    413: ("request.entity.too.large", "The request is over the size limit. Maximum bytes: 512000"),
    415: ("unsupported.media.type", "Unsupported Media Type - Unsupported or incorrect media type."),
    500: ("internal.server.error", "The server encountered an unexpected condition."),
    503: ("service.unavailable", "Service Unavailable - The server is currently unavailable."),
    504: ("request.timeout", "The request timed out."),
}


def refusal(status: int, code: str | None = None, message: str | None = None, field: str = "") -> Refusal:
    """A refusal with the usual code and message of its status, unless given; `field` goes to `details`."""
    usual_code, usual_message = _BY_STATUS.get(status, ("internal.server.error", "Unexpected error."))
    return Refusal(status, code or usual_code, message or usual_message, field)


def too_many_requests(seconds: int) -> Refusal:
    """429 as normalised by Genesys (genesys.md section 8); `seconds` until the window resets."""
    message = f"Rate limit exceeded the maximum. Retry the request in [{seconds}] seconds"
    return Refusal(429, "too.many.requests.retry.after", message, headers={"Retry-After": str(seconds)})


class GenesysManner:
    """ErrorBody with `contextId` equal to the correlation id; OAuth's own shape on the token endpoint."""

    def render(self, request: web.Request, refusal: Refusal) -> web.Response:
        if request.path == TOKEN_PATH:
            body: dict[str, object] = {
                "error": refusal.code,
                "description": refusal.message,
                "error_description": refusal.message,
            }
        else:
            details = [{"errorCode": refusal.code, "fieldName": refusal.detail}] if refusal.detail else []
            body = {
                "message": refusal.message,
                "code": refusal.code,
                "status": refusal.status,
                "messageParams": {},
                "contextId": request[_CORRELATION],
                "details": details,
                "errors": [],
            }
        return json_answer(body, refusal.status, refusal.headers)

    def broken(self, status: int) -> Refusal:
        return too_many_requests(2) if status == 429 else refusal(status)

    def rate_limited(self) -> Refusal:
        return too_many_requests(2)


def json_answer(body: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, headers=headers, content_type="application/json")


@web.middleware
async def correlate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Gives each request its correlation id before anything else looks at it."""
    request[_CORRELATION] = str(uuid.uuid4())
    return await handler(request)


def note_rate(request: web.Request, taken: Taken) -> None:
    """Remembers what the rate window said, for the headers of the answer."""
    request[_RATE] = taken


async def stamp_headers(request: web.Request, answer: web.StreamResponse) -> None:
    """`on_response_prepare`: correlation on every answer, rate figures on answers of the API (genesys.md section 8)."""
    answer.headers["ININ-Correlation-Id"] = request.get(_CORRELATION) or str(uuid.uuid4())
    taken = request.get(_RATE)
    if taken is not None:
        answer.headers["inin-ratelimit-count"] = str(taken.count)
        answer.headers["inin-ratelimit-allowed"] = str(taken.allowed)
        answer.headers["inin-ratelimit-reset"] = str(taken.reset)
