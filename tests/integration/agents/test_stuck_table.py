"""A rate table that cannot be recovered: sending goes on, and the process ends with the command that resets it."""

import asyncio
from typing import Any

import pytest

from agents.service import SenderStopped
from streams.provisioning import recreate
from streams.topics import RATES
from tests.integration.agents.conftest import World
from tests.integration.agents.stuck import unreadable

pytestmark = pytest.mark.integration

COMMAND = "`relaylog topics reset-rates`"


async def ended(world: World) -> str:
    """What the oldest sender says at its end."""
    task, _ = world.running.pop(0)
    with pytest.raises(SenderStopped) as raised:
        await asyncio.wait_for(task, 60)
    return str(raised.value)


async def test_a_partition_that_faust_never_hands_over_ends_the_process(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def wait_for_ever(*_: Any, **__: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("agents.table.NoRecovery._resume_streams", wait_for_ever)
    monkeypatch.setattr("agents.hand_over.LIMIT", 2.0)
    monkeypatch.setattr("agents.service.WATCH", 0.1)
    world.start()
    words = await ended(world)
    assert "partitions [0, 1]" in words
    assert COMMAND in words


async def test_a_table_whose_rows_cannot_be_read_holds_up_no_message_and_ends_the_process(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.rate_rows.LIMIT", 8.0)
    monkeypatch.setattr("agents.service.PartitionReader", unreadable(RATES))
    world.start()
    await world.says("447700900123", "wamid.A", "sent all the same")
    await world.received("genesys", 1)
    assert COMMAND in await ended(world)


async def test_a_reset_of_the_table_disturbs_no_running_sender(world: World) -> None:
    world.start()
    for number in range(5):
        await world.says("447700900123", f"wamid.{number}", f"before {number}")
    await world.received("genesys", 5)
    await recreate(world.settings, RATES)
    for number in range(5, 10):
        await world.says("447700900123", f"wamid.{number}", f"after {number}")
    await world.received("genesys", 10)
    await world.stop()
    world.start()
    await world.says("447700900123", "wamid.last", "after the next start")
    await world.received("genesys", 11)
