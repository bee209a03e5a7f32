import time

import pytest

from schemas.envelope import time_of_milliseconds
from streams.gateway.webhooks import now

SECOND = 1_795_428_000_000


# The last three lie in the same second, in the one before and in a later one than what was told just before.
@pytest.mark.parametrize("milliseconds", [SECOND, SECOND + 7, SECOND + 999, SECOND - 1, SECOND + 86_400_000])
def test_the_time_is_canonical_whatever_was_told_before(monkeypatch: pytest.MonkeyPatch, milliseconds: int) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: SECOND * 1_000_000)
    assert now() == "2026-11-23T10:00:00.000Z"
    monkeypatch.setattr(time, "time_ns", lambda: milliseconds * 1_000_000 + 999_999)
    assert now() == time_of_milliseconds(milliseconds)
