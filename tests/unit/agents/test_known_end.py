"""What an acknowledgement proves: that all before it is known, or nothing."""

from __future__ import annotations

import random

from agents.known_end import KnownEnd


def test_what_is_acknowledged_right_behind_what_was_folded_is_known() -> None:
    end = KnownEnd()
    end.folded(8)
    end.acknowledged(8)
    end.acknowledged(9)
    assert end.covers(9)
    assert not end.covers(10)


def test_behind_a_record_of_somebody_else_nothing_is_known_until_that_is_folded() -> None:
    end = KnownEnd()
    end.folded(8)
    end.acknowledged(9)
    end.acknowledged(10)
    assert not end.covers(9)
    end.folded(9)
    assert end.covers(10)
    assert not end.covers(11)


def test_what_a_broker_cannot_say_where_it_lies_proves_nothing() -> None:
    """An acknowledged batch without offset counts from -1 on, so one of its records may seem to be the next."""
    end = KnownEnd()
    end.folded(2)
    for offset in (-1, 0, 1, 2):
        end.acknowledged(offset)
    assert not end.covers(2)


def test_offsets_that_go_back_prove_nothing() -> None:
    """The first record of such a batch may have been another writer's, so that ours seem to begin at 0."""
    end = KnownEnd()
    end.folded(7)
    end.acknowledged(7)
    end.acknowledged(0)
    assert not end.covers(0)


def test_known_is_exactly_what_is_folded_or_ours_without_a_gap() -> None:
    seed = random.randrange(2**31)
    print(f"seed {seed}")
    draw = random.Random(seed)
    for _ in range(200):
        ours = [draw.random() < 0.8 for _ in range(60)]
        end, folded, acknowledged = KnownEnd(), 0, 0
        while folded < len(ours):
            if draw.random() < 0.5 and acknowledged < len(ours):
                if ours[acknowledged]:
                    end.acknowledged(acknowledged)
                acknowledged += 1
            elif folded < acknowledged:
                folded += 1
                end.folded(folded)
            known = folded
            while known < acknowledged and ours[known]:
                known += 1
            assert [end.covers(offset) for offset in range(len(ours))] == [
                offset < known for offset in range(len(ours))
            ]
