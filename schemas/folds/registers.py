"""The joins that states are made of; None is the absence of a value."""

from __future__ import annotations

from typing import TypeVar

Ordered = TypeVar("Ordered", str, int)


def least(one: Ordered | None, other: Ordered | None) -> Ordered | None:
    """The smaller value: the earliest time, or one choice among equals that does not depend on the order of arrival."""
    if one is None:
        return other
    if other is None or one <= other:
        return one
    return other


def greatest(one: Ordered | None, other: Ordered | None) -> Ordered | None:
    """The larger value: the latest time."""
    if one is None:
        return other
    if other is None or one >= other:
        return one
    return other
