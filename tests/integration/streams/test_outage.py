"""A broker that is away: webhooks are answered 503 in time, and served again by the same process once it is back."""

import os
import signal
from contextlib import AsyncExitStack

import pytest

from streams.log import LogUnavailable, LogWriter
from streams.provisioning import provision
from streams.registration import register_tenant
from tests.integration.streams.support import (
    Gateway,
    agent_message,
    change,
    eventually,
    message,
    read_log,
    started_gateway,
    update,
)
from tests.unit.streams.samples import make_settings, sample_draft, sample_tenant

pytestmark = pytest.mark.integration


async def test_before_the_tenants_are_read_nobody_is_refused() -> None:
    async with AsyncExitStack() as stack:
        gateway = await started_gateway(stack, make_settings(kafka="127.0.0.1:1"), ready=False)
        assert await gateway.status("/readyz") == 503
        assert await gateway.status("/livez") == 200
        acme = sample_tenant()
        assert (await gateway.whatsapp(update(acme)))[0] == 503
        assert (await gateway.genesys(agent_message(acme, "hi"), "acme"))[0] == 503
        assert await gateway.status("/webhooks/whatsapp/main?hub.mode=subscribe&hub.verify_token=x") == 503


async def test_a_stopped_broker_means_503_in_time_and_200_when_it_is_back(own_kafka: tuple[str, int]) -> None:
    address, pid = own_kafka
    settings = make_settings(kafka=address, topic_prefix="outage.", append_timeout=1.0)
    await provision(settings)
    writer = LogWriter(settings)
    await writer.start()
    acme = await register_tenant(settings, writer, sample_draft())
    await writer.stop()

    async def post(gateway: Gateway) -> int:
        body = update(acme, change(acme, message("hello")))
        return (await gateway.whatsapp(body))[0]

    async with AsyncExitStack() as stack:
        gateway = await started_gateway(stack, settings)
        assert await post(gateway) == 200
        os.kill(pid, signal.SIGSTOP)
        try:
            headers = {"X-Hub-Signature-256": "none"}
            async with gateway.session.post(f"{gateway.url}/webhooks/whatsapp/main", headers=headers) as response:
                assert response.status == 401
            # `post` gives up after the time that Genesys would wait.
            assert [await post(gateway) for _ in range(5)] == [503] * 5
            assert await gateway.status("/readyz") == 503
        finally:
            os.kill(pid, signal.SIGCONT)
        await eventually(lambda: post(gateway), 200)
        await eventually(lambda: gateway.status("/readyz"), 200)
        ids = {dict(record.headers)["id"] for record in await read_log(settings, "events")}
        assert len(ids) == 1


async def test_an_append_to_a_log_that_was_never_open_fails_at_once() -> None:
    writer = LogWriter(make_settings(kafka="127.0.0.1:1"))
    with pytest.raises(LogUnavailable, match=r"127\.0\.0\.1:1"):
        await writer.start()
    with pytest.raises(LogUnavailable, match="not open"):
        await writer.append("events", 0, b"x")
    assert not writer.available
