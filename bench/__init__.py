"""Figures, as ratios inside one run, beside the bare loops that they are compared to."""
