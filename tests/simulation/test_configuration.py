"""What the tenant's record lacks or names wrongly is waited for: nothing is given up, a correction needs no restart."""

from __future__ import annotations

import asyncio

from schemas.tenant import Tenant
from tests.simulation.network import CALM, WEATHERS, Exchange, Request
from tests.simulation.staged import Stage
from tests.simulation.test_paused import accepted

THREADS = 100


class ChannelStage(Stage):
    """One process whose tenant's record has lost the channel before what is said there was swept."""

    def before(self) -> None:
        self.world.operator.register(with_integration(self.tenant, None))
        for number in range(THREADS):
            self.say(f"thread {number}")


def with_integration(tenant: Tenant, integration_id: str | None) -> Tenant:
    """The record with another integration of the number; without, with another number in its place."""
    (channel,) = tenant.channels
    changes = {"integration_id": integration_id} if integration_id else {"phone_number_id": "another"}
    return tenant.model_copy(update={"channels": (channel.model_copy(update=changes),)})


def test_what_is_for_a_channel_that_is_gone_waits_for_it_in_the_log() -> None:
    stage = ChannelStage()

    async def course() -> int:
        await asyncio.sleep(300.0)
        stage.say("thread 0")
        before = accepted(stage)
        stage.world.operator.register(stage.tenant)
        assert await stage.settle()
        return before

    assert stage.play(course) == 0
    assert accepted(stage) == THREADS + 1
    assert stage.world.log.records["dead-letters", stage.tenant.partition] == []
    assert stage.verdict().violations == []


def test_what_waits_is_sent_to_the_integration_that_the_record_names_now() -> None:
    stage = Stage()
    take, paths = stage.world.genesys.take, []

    def noted(request: Request, exchange: Exchange) -> None:
        paths.append(request.path)
        take(request, exchange)

    stage.world.genesys.take = noted  # type: ignore[method-assign]

    async def course() -> int:
        stage.world.genesys.weather[stage.tenant.id] = WEATHERS["forbidden"]
        stage.say("thread")
        await asyncio.sleep(5.0)
        stage.world.genesys.weather[stage.tenant.id] = CALM
        stage.world.operator.register(with_integration(stage.tenant, "corrected"))
        await asyncio.sleep(2.0)
        return accepted(stage)

    assert stage.play(course) == 1
    first, *_, last = [path for path in paths if "/inbound/" in path]
    assert "/integration/" in first
    assert "/corrected/" in last
