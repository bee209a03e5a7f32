"""What an answer of Genesys says about the call: it took effect, it did not, or nobody can tell."""

from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry

from agents.answers import Answer, Refused, Taken, Unanswered
from agents.metrics import SenderMetrics
from agents.rates import RateTable
from agents.remotes import GenesysRemote, Permit
from agents.tokens import TokenCache
from schemas.delivery import Call
from tests.unit.schemas.samples import tenant

PATH = "/api/v2/conversations/messages/integration/inbound/open/message"


def now() -> float:
    return 1000.0


async def answered(status: int, body: dict[str, Any] | None) -> Answer:
    """How a call ends that Genesys answers so."""

    async def inbound(_: web.Request) -> web.Response:
        return web.json_response(body, status=status) if body is not None else web.Response(status=status)

    app = web.Application()
    app.router.add_post(PATH, inbound)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        rates = RateTable(now, lambda _: None)
        remote = GenesysRemote(session, TokenCache(session, now, SenderMetrics(CollectorRegistry()).mints), rates, now)
        genesys = tenant().genesys.model_copy(update={"api_url": str(server.make_url(""))})
        permit = Permit(tenant().model_copy(update={"genesys": genesys}), "token", rates.bucket("client", 0, 300))
        return await remote.send(permit, Call(PATH, {}))


@pytest.mark.parametrize(
    ("status", "body", "ending"),
    [
        (202, {"id": "m"}, Taken),
        (500, {"code": "internal.server.error", "message": "x"}, Refused),
        (503, {"code": "service.unavailable", "message": "x"}, Refused),
        (500, None, Unanswered),
        (502, None, Unanswered),
        # Genesys's own timeouts are ambiguous although they have its own body (genesys.md section 8).
        (504, {"code": "request.timeout", "message": "x"}, Unanswered),
        (504, {"code": "authentication.request.timeout", "message": "x"}, Unanswered),
        (408, {"code": "client.timeout", "message": "x"}, Unanswered),
        (408, None, Unanswered),
    ],
)
async def test_what_an_answer_says(status: int, body: dict[str, Any] | None, ending: Callable[..., Answer]) -> None:
    assert type(await answered(status, body)) is ending
