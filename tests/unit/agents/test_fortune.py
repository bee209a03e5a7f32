"""Who is at fault when a delivery fails: itself, when the others of its channel get through."""

from agents.fortune import TAKEN_FOR_EACH_FAILED, Fortune, Others


def neighbour(fortune: Fortune, taken: int, failed: int = 0) -> None:
    other = fortune.of("1055")
    for _ in range(taken):
        other.got_through()
    for _ in range(failed):
        other.got_through_but_this()


def watched() -> tuple[Fortune, Others]:
    fortune = Fortune()
    neighbour(fortune, taken=100)
    return fortune, fortune.of("1055")


def test_alone_it_is_not_at_fault() -> None:
    _, me = watched()
    assert not me.got_through_but_this()


def test_it_is_when_others_got_through_since_its_last_try() -> None:
    fortune, me = watched()
    neighbour(fortune, taken=1)
    assert me.got_through_but_this()
    assert not me.got_through_but_this()


def test_it_is_not_while_others_fail_as_well() -> None:
    fortune, me = watched()
    neighbour(fortune, taken=TAKEN_FOR_EACH_FAILED, failed=1)
    assert not me.got_through_but_this()
    neighbour(fortune, taken=TAKEN_FOR_EACH_FAILED + 1, failed=1)
    assert me.got_through_but_this()


def test_another_channel_says_nothing() -> None:
    fortune, me = watched()
    fortune.of("2077").got_through()
    assert not me.got_through_but_this()


def test_its_own_parts_say_nothing() -> None:
    _, me = watched()
    me.got_through()
    assert not me.got_through_but_this()
