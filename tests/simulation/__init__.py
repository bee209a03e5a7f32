"""Deterministic simulation: the sender's own code on a virtual clock, against a simulated log, group and platforms."""
