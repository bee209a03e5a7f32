"""A sender that starts in front of a backlog sends, while Faust is still on its way to the end of the log."""

from __future__ import annotations

from tests.simulation.staged import Stage

FACTS = 12_000
THREADS = 40


class BacklogStage(Stage):
    """One process that starts when the log is long already."""

    def before(self) -> None:
        for number in range(FACTS):
            self.say(f"{self.tenant.id}/{number % THREADS}")

    async def sent_meanwhile(self) -> tuple[int, int]:
        """Calls that have arrived by now, and how many of the facts Faust has brought."""
        [member] = self.world.group.members
        live = member.sender._partitions[self.tenant.partition].live
        return len(self.world.books.arrivals), live.agent_next or 0


def test_the_sweep_feeds_those_behind_while_the_live_stream_is_far_from_the_end() -> None:
    stage = BacklogStage(checkpoint_records=1000)
    stage.tenant = stage.add_tenant(stage.tenant.id, 60_000)
    sent, brought = stage.play(stage.sent_meanwhile)
    print(f"{sent} sent, {brought} of {FACTS} brought")
    assert brought < FACTS - 4000
    assert sent > 5 * stage.world.settings.places
