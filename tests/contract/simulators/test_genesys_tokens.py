"""Tokens, rates and refusals that all Genesys calls share (genesys.md sections 1 and 8)."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from tests.contract.simulators.world import Start, World, customer_message, tenant_at


async def mint(world: World, client: str, secret: str, grant: str = "client_credentials") -> aiohttp.ClientResponse:
    headers = {"Authorization": aiohttp.encode_basic_auth(client, secret)}
    return await world.http.post(
        f"{world.running.genesys_url}/oauth/token", data={"grant_type": grant}, headers=headers
    )


async def test_a_token_lives_a_day_and_a_new_one_leaves_it_valid(world: World) -> None:
    answer = await (await mint(world, "acme-client", "acme-secret")).json()
    assert (answer["token_type"], answer["expires_in"]) == ("bearer", 86400)
    second = await world.token()
    for token in (answer["access_token"], second):
        assert (await world.inbound("message", customer_message(), token)).status == 200
    row = (await world.lines(world.running.genesys_url, "ledger"))[0]
    assert (row["operation"], row["tenant"], row["accepted"]) == ("token", "acme", True)
    assert row["body"] == {"grant_type": "client_credentials"}


@pytest.mark.parametrize(
    ("client", "secret", "grant", "status", "error"),
    [
        ("acme-client", "wrong", "client_credentials", 401, "invalid_client"),
        ("nobody", "acme-secret", "client_credentials", 401, "invalid_client"),
        ("acme-client", "acme-secret", "password", 400, "unsupported_grant_type"),
    ],
)
async def test_oauth_errors_have_their_own_shape(
    world: World, client: str, secret: str, grant: str, status: int, error: str
) -> None:
    answer = await mint(world, client, secret, grant)
    body = await answer.json()
    assert (answer.status, body["error"]) == (status, error)
    assert set(body) == {"error", "description", "error_description"}


async def test_only_basic_is_taken(world: World) -> None:
    url = f"{world.running.genesys_url}/oauth/token"
    form = {"grant_type": "client_credentials", "client_id": "acme-client", "client_secret": "acme-secret"}
    assert (await world.http.post(url, data=form)).status == 401


async def test_minting_in_a_burst_is_400_not_429(start: Start) -> None:
    world = await start(mints_per_minute=2)
    statuses = [(await mint(world, "acme-client", "acme-secret")).status for _ in range(3)]
    assert statuses == [200, 200, 400]
    body = await (await mint(world, "acme-client", "acme-secret")).json()
    assert body["error"] == "invalid_request" and body["error_description"].startswith("rate limit exceeded;")


async def test_a_missing_wrong_or_expired_token_is_401(start: Start) -> None:
    world = await start(token_seconds=1e-9)
    url = f"{world.running.genesys_url}/api/v2/conversations/messages/acme-integration/inbound/open/message"
    missing = await world.http.post(url, json=customer_message())
    assert (missing.status, (await missing.json())["code"]) == (401, "authentication.required")
    for token in ("made-up", await world.token()):
        answer = await world.inbound("message", customer_message(), token)
        assert (answer.status, (await answer.json())["code"]) == (401, "bad.credentials")


async def test_a_users_token_is_not_a_clients(world: World) -> None:
    token = await world.token(grant="authorization_code")
    answer = await world.inbound("message", customer_message(), token)
    assert (answer.status, (await answer.json())["code"]) == (400, "not.a.client")


async def test_an_unknown_or_foreign_integration_is_404(start: Start) -> None:
    world = await start(tenant_at("http://127.0.0.1:9"), tenant_at("http://127.0.0.1:9", "globex", "2066"))
    token = await world.token()
    for integration in ("globex-integration", "nowhere"):
        answer = await world.inbound("message", customer_message(), token, integration)
        assert (answer.status, (await answer.json())["code"]) == (404, "not.found")


async def test_every_answer_carries_the_correlation_id_of_its_context(world: World) -> None:
    refused = await world.inbound("message", {}, await world.token())
    body = await refused.json()
    assert body["contextId"] == refused.headers["ININ-Correlation-Id"]
    assert {"message", "code", "status", "contextId", "details", "errors"} <= set(body)
    for path in ("/livez", "/api/v2/nowhere"):
        assert (await world.http.get(world.running.genesys_url + path)).headers["ININ-Correlation-Id"]


async def test_the_rate_window_counts_up_and_then_says_when_to_retry(start: Start) -> None:
    world = await start(tenant_at("http://127.0.0.1:9", calls_per_minute=2))
    token = await world.token()
    answers = [await world.inbound("message", customer_message(str(n)), token) for n in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert [answer.headers["inin-ratelimit-count"] for answer in answers] == ["1", "2", "2"]
    assert all(answer.headers["inin-ratelimit-allowed"] == "2" for answer in answers)
    reset = answers[2].headers["inin-ratelimit-reset"]
    assert answers[2].headers["Retry-After"] == reset and 0 < int(reset) <= 60
    body = await answers[2].json()
    assert body["code"] == "too.many.requests.retry.after"
    assert body["message"] == f"Rate limit exceeded the maximum. Retry the request in [{reset}] seconds"


async def test_the_limit_can_be_raised_for_one_tenant(start: Start) -> None:
    world = await start(tenant_at("http://127.0.0.1:9", calls_per_minute=1))
    token = await world.token()
    await world.inbound("message", customer_message(), token)
    assert (await world.inbound("message", customer_message(), token)).status == 429
    await world.put(world.running.genesys_url, "limits", {"tenant": "acme", "calls_per_minute": 60000})
    answer = await world.inbound("message", customer_message(), token)
    assert (answer.status, answer.headers["inin-ratelimit-allowed"]) == (200, "60000")


async def test_two_clients_have_two_windows(start: Start) -> None:
    tenants = [
        tenant_at("http://127.0.0.1:9", name, number, calls_per_minute=1)
        for name, number in (("acme", "1055"), ("globex", "2066"))
    ]
    world = await start(*tenants)
    tokens = await asyncio.gather(*(world.token(tenant=tenant) for tenant in tenants))
    for tenant, token in zip(tenants, tokens, strict=True):
        answer = await world.inbound("message", customer_message(), token, tenant.genesys.integration_id)
        assert answer.status == 200
