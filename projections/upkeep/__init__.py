"""What the workers do for the tables by schedule."""

from projections.upkeep.service import Upkeep, UpkeepMetrics

__all__ = ["Upkeep", "UpkeepMetrics"]
