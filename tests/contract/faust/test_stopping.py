"""What a Faust app leaves behind when it is started and stopped inside our own event loop, on a real broker."""

import asyncio
import threading
from pathlib import Path

import pytest

from streams.log import LogWriter
from streams.provisioning import provision
from streams.settings import Settings
from streams.topics import EVENTS
from tests.contract.faust.broker import NotingSender, sending
from tests.contract.faust.support import eventually
from tests.unit.streams.samples import make_settings

pytestmark = pytest.mark.integration


async def one_life(settings: Settings) -> tuple[set[str], int]:
    """Start, work, stop, as `agents.service.serve` does: the tasks that are left, and how many events were admitted."""
    writer = LogWriter(settings)
    await provision(settings)
    await writer.start()
    await writer.append(EVENTS, 0, b"{}")
    await writer.stop()
    before = asyncio.all_tasks()
    sender = NotingSender()
    async with sending(settings, sender):
        await eventually(lambda: bool(sender.admitted))
    left = asyncio.all_tasks() - before
    if left:
        # On a busy machine the last ones are still about to end.
        await asyncio.wait(left, timeout=30.0)
    return {task.get_name() for task in left if not task.done()}, len(sender.admitted)


def test_rule_the_process_is_ours_because_a_stopped_app_leaves_no_task_and_no_thread(
    kafka_address: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: ``app.start()`` and ``app.stop()`` inside our own ``asyncio.run``, not ``faust.Worker``: signals, logging
    and exit status stay ours, and nothing is written into the working directory."""
    monkeypatch.chdir(tmp_path)
    threads = set(threading.enumerate())

    left, admitted = asyncio.run(one_life(make_settings(kafka=kafka_address, topic_prefix=topic_prefix)))

    assert admitted == 1
    assert left == set()
    assert set(threading.enumerate()) - threads == set()
    assert list(tmp_path.iterdir()) == []
