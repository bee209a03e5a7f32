"""Letting rows go that are past their tenant's time."""

from projections.retention.cuts import KINDS, Kind, age, any_cut, expired, set_cut
from projections.retention.expiry import expire

__all__ = ["KINDS", "Kind", "age", "any_cut", "expire", "expired", "set_cut"]
