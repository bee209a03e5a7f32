"""Tokens of OAuth clients: one mint for all who wait, and clients that stand in for each other."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from agents.answers import NotSent, Refused
from agents.circuit import Verdict
from agents.metrics import SenderMetrics
from agents.rates import RateTable
from agents.remotes import GenesysRemote, NotReady
from agents.tokens import MINT_RATE_PAUSE, REFUSED_PAUSE, MintFailed, TokenCache
from schemas.tenant import Genesys, GenesysClient, Tenant
from tests.unit.schemas.samples import tenant as registered


class TokenEndpoint:
    """Mints for every client that it knows; counts what it was asked."""

    def __init__(self) -> None:
        self.known = {"one", "two"}
        self.too_fast = False
        self.asked: Counter[str] = Counter()

    async def mint(self, request: web.Request) -> web.Response:
        client = aiohttp.BasicAuth.decode(request.headers["Authorization"]).login
        self.asked[client] += 1
        await asyncio.sleep(0.01)
        if self.too_fast:
            error = {"error": "invalid_request", "error_description": "rate limit exceeded; too many tokens"}
            return web.json_response(error, status=400)
        if client not in self.known:
            return web.json_response({"error": "invalid_client", "error_description": "unknown"}, status=401)
        return web.json_response({"access_token": f"{client}-{self.asked[client]}", "expires_in": 86400})


class Bench:
    """A token cache in front of the endpoint, on a clock of the test's own."""

    def __init__(self, endpoint: TokenEndpoint, url: str, session: aiohttp.ClientSession) -> None:
        self.endpoint, self.now = endpoint, 1000.0
        clients = tuple(GenesysClient(client_id=id_, client_secret=SecretStr("s")) for id_ in ("one", "two"))
        self.genesys = Genesys(login_url=url, api_url=url, clients=clients)
        self.mints = SenderMetrics(CollectorRegistry()).mints
        self.cache = TokenCache(session, lambda: self.now, self.mints)
        rates = self.rates = RateTable(lambda: self.now, lambda _: None)
        self.remote = GenesysRemote(session, self.cache, rates, lambda: self.now)
        self.tenant: Tenant = registered().model_copy(update={"genesys": self.genesys})
        for client in clients:
            rates.bucket(f"genesys:{client.client_id}", self.tenant.partition, 300).level = 10.0

    async def token(self) -> str:
        return await self.cache.token(self.genesys, self.genesys.clients[0])


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    endpoint = TokenEndpoint()
    app = web.Application()
    app.router.add_post("/oauth/token", endpoint.mint)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        yield Bench(endpoint, str(server.make_url("")), session)


async def test_all_who_wait_share_one_mint(bench: Bench) -> None:
    tokens = await asyncio.gather(*(bench.token() for _ in range(50)))
    assert set(tokens) == {"one-1"}
    assert bench.endpoint.asked["one"] == 1


async def test_a_token_is_replaced_a_minute_before_it_expires(bench: Bench) -> None:
    await bench.token()
    bench.now += 86400 - 61
    assert await bench.token() == "one-1"
    bench.now += 2
    assert await bench.token() == "one-2"


async def test_a_refused_token_is_dropped_once_whoever_else_carried_it(bench: Bench) -> None:
    old, client = await bench.token(), bench.genesys.clients[0]
    bench.cache.drop(bench.genesys, client, old)
    assert await bench.token() == "one-2"
    bench.cache.drop(bench.genesys, client, old)
    assert await bench.token() == "one-2"


async def test_all_who_wait_share_one_refusal(bench: Bench) -> None:
    bench.endpoint.known.clear()
    ends = await asyncio.gather(*(bench.token() for _ in range(50)), return_exceptions=True)
    assert {type(end) for end in ends} == {MintFailed}
    assert bench.endpoint.asked["one"] == 1


async def test_a_refusal_holds_for_a_while(bench: Bench) -> None:
    bench.endpoint.known.clear()
    for _ in range(5):
        with pytest.raises(MintFailed):
            await bench.token()
    assert bench.endpoint.asked["one"] == 1
    bench.endpoint.known.add("one")
    bench.now += REFUSED_PAUSE + 0.1
    assert await bench.token() == "one-2"


async def test_a_refusal_holds_no_longer_than_the_tenants_record(bench: Bench) -> None:
    bench.endpoint.known.clear()
    with pytest.raises(MintFailed):
        await bench.token()
    bench.endpoint.known.add("one")
    bench.genesys = bench.genesys.model_copy()
    assert await bench.token() == "one-2"


async def test_after_a_mint_that_came_too_soon_nobody_mints_for_a_while(bench: Bench) -> None:
    bench.endpoint.too_fast = True
    for _ in range(5):
        with pytest.raises(MintFailed) as failed:
            await bench.token()
        assert isinstance(failed.value.answer, Refused)
        assert (failed.value.answer.status, failed.value.answer.code) == (429, "invalid_request")
    assert bench.endpoint.asked["one"] == 1
    bench.endpoint.too_fast = False
    bench.now += MINT_RATE_PAUSE + 0.1
    assert await bench.token() == "one-2"


async def test_several_clients_share_the_calls(bench: Bench) -> None:
    permits = [await bench.remote.permit(bench.tenant, bench.tenant.channels[0], "message") for _ in range(20)]
    assert Counter(permit.token for permit in permits).keys() == {"one-1", "two-1"}


async def test_a_client_whose_budget_others_use_up_while_it_mints_gives_no_permit(bench: Bench) -> None:
    buckets = {id_: bench.rates.bucket(f"genesys:{id_}", bench.tenant.partition, 300) for id_ in ("one", "two")}
    asking = asyncio.ensure_future(bench.remote.permit(bench.tenant, bench.tenant.channels[0], "message"))
    while not bench.endpoint.asked["one"]:
        await asyncio.sleep(0)
    buckets["one"].observe(bench.now, used=300, allowed=300, reset=30.0)
    permit = await asking
    assert permit.bucket is buckets["two"]
    assert (buckets["one"].in_flight, buckets["two"].in_flight) == (0, 1)


@pytest.mark.parametrize("bad", ["one", "two"])
async def test_a_client_whose_credentials_are_refused_is_stood_in_for(bench: Bench, bad: str) -> None:
    bench.endpoint.known.remove(bad)
    permits = [await bench.remote.permit(bench.tenant, bench.tenant.channels[0], "message") for _ in range(10)]
    assert {permit.client.client_id for permit in permits if permit.client} == {"one", "two"} - {bad}
    assert bench.endpoint.asked[bad] <= 1


async def test_with_no_client_left_the_destination_waits_for_a_person(bench: Bench) -> None:
    bench.endpoint.known.clear()
    with pytest.raises(NotReady) as not_ready:
        await bench.remote.permit(bench.tenant, bench.tenant.channels[0], "message")
    assert not_ready.value.verdict is Verdict.CREDENTIALS
    assert not isinstance(not_ready.value.answer, NotSent)
