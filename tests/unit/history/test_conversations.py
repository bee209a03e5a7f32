"""Two conversations of one customer at a time are found; what Genesys alone brings about is not."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.history.checker import check
from tests.history.collect import line_of
from tests.history.history import Call, Finding, History, Line
from tests.unit.history.runs import Run

CUSTOMER = "447700900001"


def line(conversation: str, ours: str | None, at: int = 0, tenant: str = "acme", customer: str = CUSTOMER) -> Line:
    return Line(tenant, customer, conversation, at, ours)


def split(*lines: Line, left: tuple[int, ...] = ()) -> list[Finding]:
    end = Call("genesys", 1, 0, "acme", "other", CUSTOMER, None, 200, True, {"state": "disconnected"})
    return check(History(lines=lines, calls=tuple(replace(end, at=at) for at in left))).split


def test_a_second_conversation_while_the_first_is_open_is_found() -> None:
    [finding] = split(line("g-1", "wamid.1"), line("g-2", "wamid.2"), line("g-2", "wamid.3"))
    assert finding.id == "g-2"
    assert all(word in finding.words for word in ("wamid.2", "g-1", "wamid.1", CUSTOMER, "acme"))
    assert not check(History(lines=(line("g-1", "wamid.1"), line("g-2", "wamid.2")))).clean


def test_each_of_three_first_messages_but_the_first_is_found() -> None:
    found = split(line("g-1", "wamid.1"), line("g-2", "wamid.2"), line("g-3", "wamid.3"))
    assert [finding.id for finding in found] == ["g-2", "g-3"]


def test_others_have_conversations_of_their_own() -> None:
    assert split(line("g-1", "wamid.1"), line("g-2", "wamid.2", tenant="globex")) == []
    assert split(line("g-1", "wamid.1"), line("g-2", "wamid.2", customer="447700900002")) == []


def test_messages_of_one_conversation_are_not_split() -> None:
    assert split(line("g-1", "wamid.1"), line("g-1", None), line("g-1", "wamid.2")) == []


def test_copies_of_one_message_are_judged_elsewhere() -> None:
    assert split(line("g-1", "wamid.1"), line("g-2", "wamid.1")) == []
    [finding] = split(line("g-1", "wamid.1"), line("g-2", "wamid.1"), line("g-3", "wamid.2"))
    assert finding.id == "g-3"


def test_a_conversation_that_an_agent_opens_meanwhile_is_not_the_senders() -> None:
    assert split(line("g-1", None), line("g-2", "wamid.1")) == []
    assert split(line("g-1", "wamid.1"), line("g-2", None)) == []
    [finding] = split(line("g-1", None), line("g-2", "wamid.1"), line("g-3", "wamid.2"))
    assert finding.id == "g-3"


def test_a_conversation_that_was_left_may_be_followed_by_another() -> None:
    first, second = line("g-1", "wamid.1", 1000), line("g-2", "wamid.2", 3000)
    assert split(first, second, left=(2000,)) == []
    assert len(split(first, second, left=(500,))) == 1
    assert len(split(first, second, left=(4000,))) == 1
    assert len(split(first, line("g-1", None, 2500), second, left=(2000,))) == 1, "opened again by the agent"


def test_a_line_of_the_books_says_whose_message_opened_a_conversation() -> None:
    book = {"tenant": "acme", "customer": CUSTOMER, "conversation_id": "g-1", "id": "7f", "wamid": "wamid.1"}
    book |= {"direction": "inbound", "at": "1970-01-01T00:00:01.500Z"}
    assert line_of(book) == line("g-1", "wamid.1", 1500)
    assert line_of(book | {"wamid": None}).ours == "7f"
    assert line_of(book | {"direction": "outbound"}).ours is None


def call(n: int, at: int, id: str, operation: str = "message", accepted: bool = True) -> Call:
    return Call("genesys", n, at, "acme", operation, CUSTOMER, id, 200 if accepted else 503, accepted)


def test_what_is_sent_before_the_first_message_is_taken_in_is_found() -> None:
    first = line("g-1", "wamid.1", 1010)
    for second in (call(2, 1009, "wamid.2"), call(2, 1009, "7f", "receipt"), call(2, 1009, "wamid.2", accepted=False)):
        history = History(lines=(first,), calls=(call(1, 1000, "wamid.1"), second))
        [finding] = check(history).split
        assert finding.id == second.id and "wamid.1" in finding.words
    history = History(lines=(first,), calls=(call(1, 1000, "wamid.1"), call(2, 1010, "wamid.2")))
    assert check(history).split == []


def test_a_first_message_may_be_tried_again_and_may_follow_one_that_was_given_up() -> None:
    again = (call(2, 1000, "wamid.1", accepted=False), call(3, 1005, "wamid.1"))
    history = History(lines=(line("g-1", "wamid.1", 1010),), calls=(call(1, 900, "wamid.0", accepted=False), *again))
    assert check(history).split == []


def test_a_first_message_that_was_refused_and_redriven_holds_up_nobody() -> None:
    calls = (call(1, 900, "wamid.1", accepted=False), call(2, 910, "wamid.2", accepted=False), call(3, 1000, "wamid.1"))
    assert check(History(lines=(line("g-1", "wamid.1", 1010),), calls=calls)).split == []


def test_whom_an_agent_wrote_to_before_is_not_new() -> None:
    lines = (line("g-1", None, 990), line("g-1", "wamid.1", 1010))
    assert check(History(lines=lines, calls=(call(1, 1000, "wamid.1"), call(2, 1005, "wamid.2")))).split == []


@given(st.integers(0, 2**32))
def test_a_message_of_a_clean_run_that_opens_a_conversation_of_its_own_is_found(seed: int) -> None:
    run = Run(seed)
    for number in range(4):
        run.customer_says(0, CUSTOMER, f"message {number}")
    history = run.history()
    alone = run.random.randrange(1, 4)
    lines = tuple(replace(one, conversation_id="g") if n == alone else one for n, one in enumerate(history.lines))
    report = check(replace(history, lines=lines))
    assert [name for name, _ in report.violations()] == ["split"] and report.split[0].id == "g"
