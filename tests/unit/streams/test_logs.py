import json
import logging
from collections.abc import Iterator

import pytest

from streams.logs import FloodFilter, configure_logging


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """`configure_logging` changes the whole process: undo it."""
    loggers = [logging.getLogger(name) for name in (None, "aiokafka", "faust", "mode", "asyncio", "aiohttp")]
    levels, handlers = [logger.level for logger in loggers], loggers[0].handlers[:]
    yield
    loggers[0].handlers[:] = handlers
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def test_a_line_is_json_with_its_extra_fields(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO")
    logging.getLogger("streams.test").warning("refused", extra={"route": "/x"})
    line = json.loads(capsys.readouterr().err)
    assert {"level": "WARNING", "logger": "streams.test", "message": "refused", "route": "/x"}.items() <= line.items()
    assert "time" in line


def test_a_client_that_logs_values_at_debug_is_kept_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("DEBUG")
    logging.getLogger("aiokafka.producer").debug("Sending (key=%s value=%s)", "k", "the message")
    logging.getLogger("streams.test").debug("ours")
    assert [json.loads(line)["message"] for line in capsys.readouterr().err.splitlines()] == ["ours"]


def test_a_flood_is_cut_and_counted_and_our_own_lines_are_not() -> None:
    now = 0.0
    flood = FloodFilter(lines=2, seconds=10, clock=lambda: now)

    def passes(name: str) -> logging.LogRecord | None:
        record = logging.LogRecord(name, logging.ERROR, "", 0, "Unable to connect to %s", ("broker",), None)
        return record if flood.filter(record) else None

    assert [bool(passes("aiokafka")) for _ in range(5)] == [True, True, False, False, False]
    assert all(passes("streams.gateway") for _ in range(5))
    now = 10.0
    record = passes("aiokafka")
    assert record is not None
    assert record.__dict__["suppressed"] == 3
