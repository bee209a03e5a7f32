"""Canonical times: two ways of writing one instant, and the way back."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from schemas.envelope import canonical_time, milliseconds_of_time, time_of_milliseconds

#: This century, before and after 1970.
MILLISECONDS = st.integers(-(10**12), 4 * 10**12)


@given(MILLISECONDS)
def test_milliseconds_are_written_as_their_instant_is(milliseconds: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    assert time_of_milliseconds(milliseconds) == canonical_time(moment)
    assert milliseconds_of_time(time_of_milliseconds(milliseconds)) == milliseconds
