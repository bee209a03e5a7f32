"""A process stopped right before a call may make it when it wakes: nobody may take the call's absence as a proof."""

from __future__ import annotations

import asyncio

from tests.simulation.mutants import mutated
from tests.simulation.staged import Stage


class ZombieStage(Stage):
    """A tenant that holds what is ambiguous, and a process that stops right before its second call."""

    def __init__(self) -> None:
        super().__init__()
        self.tenant = self.tenant.model_copy(update={"on_ambiguous": "hold"})
        self.world.by_name[self.tenant.id] = self.tenant

    async def arrivals_of_second(self) -> int:
        """How often the second message of the thread arrived, when all has settled."""
        world = self.world
        # The answer to the first one names the conversation, in which a successor can look for the second.
        self.say("thread")
        await asyncio.sleep(2.0)
        [zombie] = world.group.members
        world.stop_at[zombie.process.name] = "sender_before_call"
        second = self.say("thread")
        await asyncio.sleep(40.0)
        assert world.reached["zombie woke"] == 1
        await self.settle()
        return sum(a.accepted and a.name == second.id for a in world.books.arrivals)


def test_what_a_stopped_process_may_yet_send_is_not_sent_again() -> None:
    stage = ZombieStage()
    assert stage.play(stage.arrivals_of_second) == 1
    assert stage.verdict().violations == []


def test_with_absence_as_a_proof_it_would_be_sent_twice() -> None:
    with mutated("with_absence_as_a_proof_after_a_takeover"):
        stage = ZombieStage()
        assert stage.play(stage.arrivals_of_second) == 2
        assert stage.verdict().violations != []
