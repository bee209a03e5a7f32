"""The seed from which everything that tests draw follows: RELAYLOG_TEST_SEED, or a new one for each run."""

from __future__ import annotations

import os
import secrets

NAME = "RELAYLOG_TEST_SEED"


def choose_seed() -> None:
    """Choose this run's seed; processes started from here on have the same."""
    os.environ.setdefault(NAME, str(secrets.randbelow(2**31)))


def chosen_seed() -> int:
    """This run's seed."""
    return int(os.environ[NAME])
