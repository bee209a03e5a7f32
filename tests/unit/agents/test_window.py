"""The duplicate window against the plain definition: a key was seen at an earlier offset, within the span."""

from hypothesis import given
from hypothesis import strategies as st

from agents.window import DuplicateWindow

SPAN = 100
#: (milliseconds since the record before, key)
LOGS = st.lists(st.tuples(st.integers(0, 60), st.sampled_from("abcdef")), max_size=60)


@given(LOGS)
def test_every_copy_within_the_span_is_found(log: list[tuple[int, str]]) -> None:
    window, now = DuplicateWindow(0, 0, SPAN), 0
    seen: list[tuple[int, str]] = []
    for offset, (step, key) in enumerate(log):
        now += step
        window.add(offset, now, (key,))
        if any(at >= now - SPAN and other == key for at, other in seen):
            assert window.is_copy(offset, (key,))
        if key not in {other for _, other in seen}:
            assert not window.is_copy(offset, (key,))
        seen.append((now, key))


@given(LOGS, st.integers(0, 59))
def test_an_older_offset_is_decided_alike_while_the_window_covers_it(log: list[tuple[int, str]], back: int) -> None:
    window, now, times = DuplicateWindow(0, 0, SPAN), 0, []
    for offset, (step, key) in enumerate(log):
        now += step
        times.append(now)
        window.add(offset, now, (key,))
    if back < len(log) and window.covers(back):
        key = log[back][1]
        recent = any(log[o][1] == key and times[o] >= times[back] - SPAN for o in range(back))
        assert window.is_copy(back, (key,)) or not recent


@given(LOGS)
def test_a_window_of_some_keys_finds_their_copies_alike(log: list[tuple[int, str]]) -> None:
    window, now = DuplicateWindow(0, 0, SPAN), 0
    seen: list[tuple[int, str]] = []
    for offset, (step, key) in enumerate(log):
        now += step
        if key in "abc":
            window.add(offset, now, (key,))
            if any(at >= now - SPAN and other == key for at, other in seen):
                assert window.is_copy(offset, (key,))
            if key not in {other for _, other in seen}:
                assert not window.is_copy(offset, (key,))
            seen.append((now, key))
        else:
            window.skip(offset)
        assert window.end == offset + 1


def test_what_is_in_already_is_ignored() -> None:
    window = DuplicateWindow(10, 10, SPAN)
    window.add(10, 0, ("a",))
    window.add(10, 0, ("a",))
    assert window.end == 11
    assert not window.is_copy(10, ("a",))


def test_memory_is_bounded_by_time() -> None:
    window = DuplicateWindow(0, 0, SPAN)
    for offset in range(10_000):
        window.add(offset, offset, (str(offset),))
    assert len(window._records) <= 2 * SPAN + 1
    assert window.valid_from > 9_000


def test_a_copy_of_the_window_goes_its_own_way() -> None:
    window = DuplicateWindow(0, 0, SPAN)
    window.add(0, 0, ("a",))
    twin = window.copy()
    twin.add(1, 1, ("b",))
    assert window.end == 1
    assert twin.is_copy(1, ("a",))
