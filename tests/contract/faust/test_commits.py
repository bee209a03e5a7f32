"""What Faust commits: the reason why its commit carries no meaning for us.

When one of these tests fails, Faust has changed: read what it says now before the pinned version is raised.
"""

from pathlib import Path

from tests.contract.faust.support import TP0, Offline


async def test_rule_outcomes_decide_what_was_sent_because_a_commit_passes_one_event_in_flight(tmp_path: Path) -> None:
    """Rule: a restarted sender goes by ``outcomes``, never by the group's offset. Offset 10 would be lost."""
    group = Offline(tmp_path, committed=10)
    group.deliver(10)
    group.consumer.ack(group.deliver(11))

    assert await group.commit() == 12


async def test_rule_outcomes_decide_what_was_sent_because_a_new_group_skips_all_in_flight(tmp_path: Path) -> None:
    """Rule: as above, and from the first start on. Before the first commit nothing holds it back: 0 to 4 are lost."""
    group = Offline(tmp_path)
    for offset in range(5):
        group.deliver(offset)
    group.consumer.ack(group.deliver(5))

    assert await group.commit() == 6


async def test_rule_outcomes_decide_what_was_sent_because_noack_does_not_help(tmp_path: Path) -> None:
    """Rule: ack on admission, not after the call. An event left unacked on purpose is passed once three follow it."""
    group = Offline(tmp_path, committed=10)
    group.deliver(10)
    for offset in (11, 12, 13):
        group.consumer.ack(group.deliver(offset))

    assert await group.commit() == 14


async def test_the_guard_is_there_and_off_by_one(tmp_path: Path) -> None:
    """Two events in flight do hold the commit back; when one does as well, the guard has been repaired."""
    group = Offline(tmp_path, committed=10)
    group.deliver(10)
    group.deliver(11)
    group.consumer.ack(group.deliver(12))

    assert await group.commit() is None


async def test_rule_lag_is_our_own_figure_because_a_refused_commit_counts_as_done(tmp_path: Path) -> None:
    """Rule: lag comes from our positions and the broker, not from Faust's monitor, and copies after a rebalance are
    normal. The broker refuses 12; Faust remembers it, reports it, and does not try it again."""
    group = Offline(tmp_path, committed=10, broker_accepts=False)
    for offset in (10, 11):
        group.consumer.ack(group.deliver(offset))

    assert await group.commit() == 12
    assert group.consumer._committed_offset[TP0] == 12
    assert group.app.monitor.tp_committed_offsets[TP0] == 12
    assert await group.commit() is None
