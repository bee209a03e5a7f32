"""The judge of conversations finds what is wrong with one, and nothing where nothing is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.history.checker import check
from tests.history.history import Booked, History, LogRecord, Row, Thread

THREAD = Thread("acme", "thread-1", messages_in=1, messages_out=1, genesys_conversation_ids=("g-1", "g-2"))


def record(offset: int, id: str, direction: str, **data: Any) -> LogRecord:
    value = {"id": id, "type": "message.echoed", "tenantid": "acme", "data": {"direction": direction, **data}}
    return LogRecord(0, offset, 0, value)


def row(id: str, direction: str) -> Row:
    return Row("acme", id, direction, "text", "Hello", "sent", None, None, "thread-1")


def history(thread: Thread = THREAD) -> History:
    """Two messages; the log says g-2 of one, Genesys's books g-1 of the other; one record came twice."""
    events = (
        record(0, "one", "inbound", personal={"whatsapp_id": "wamid.1"}),
        record(1, "two", "outbound", genesys_conversation_id="g-2"),
        record(2, "one", "inbound", personal={"whatsapp_id": "wamid.1"}),
    )
    booked = (Booked("genesys", "acme", "id", "wamid.1", None, "g-1"),)
    rows = (row("one", "inbound"), row("two", "outbound"))
    return History(events=events, booked=booked, rows=rows, threads=(thread,))


def test_a_true_conversation_has_no_findings() -> None:
    assert check(history()).differing == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"messages_in": 2}, "counts (2, 1)"),
        ({"messages_out": 0}, "the log has (1, 1)"),
        ({"genesys_conversation_ids": ("g-1", "g-2", "g-3")}, "Genesys knows nothing of its conversations ['g-3']"),
        ({"genesys_conversation_ids": ("g-1",)}, "['g-2'] are missing"),
    ],
)
def test_a_wrong_conversation_differs(change: dict[str, Any], words: str) -> None:
    [finding] = check(history(replace(THREAD, **change))).differing
    assert finding.id == THREAD.id
    assert words in finding.words
