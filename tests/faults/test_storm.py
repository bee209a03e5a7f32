"""Many tenants talk while everything goes wrong; once healed, nothing was lost, doubled, reordered or leaked."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.stage import QUICK
from tests.acceptance.system import UpProcess
from tests.faults.crowd import Crowd
from tests.faults.harm import BAD_WEATHER, CRASH_POINTS, Harm
from tests.faults.platforms import Town, dark, made_up, register, restart_platforms, weather
from tests.faults.worker import total
from tests.history.checker import check
from tests.history.collect import collect
from tests.history.history import History, Sight
from tests.seed import NAME, chosen_seed

TENANTS = int(os.environ.get("RELAYLOG_TEST_TENANTS", "200"))
MESSAGES = int(os.environ.get("RELAYLOG_TEST_MESSAGES", "20000"))
PER_SECOND = float(os.environ.get("RELAYLOG_TEST_PER_SECOND", "50"))

#: So many tenants are asked with each other's keys.
LOOKED_ACROSS = 3


@pytest.fixture(scope="module")
def town(start_up: Callable[..., UpProcess], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A system with many tenants, and platforms that know them."""
    crash_file = tmp_path_factory.mktemp("crash") / "point"
    up = start_up("--no-demo", "--port-base", "0", RELAYLOG_CRASH_FILE=str(crash_file), **QUICK)
    up.wait_until_running()
    town = Town(up, crash_file)
    tenants = made_up(TENANTS)
    restart_platforms(town, tenants)
    asyncio.run(register(town, tenants))
    town.tenants = tenants
    town.raise_limits()
    yield town
    town.close()


@pytest.mark.timeout(1200)
def test_a_storm_over_many_tenants_loses_doubles_and_reorders_nothing(town: Town, tmp_path: Path) -> None:
    seed = chosen_seed()
    print(f"{NAME}={seed}")
    unlucky = random.Random(seed).choice(town.tenants).id
    harm = Harm(town, seed, dark(unlucky), tmp_path)
    harm.clear_sky()
    crowd = Crowd(town, town.tenants, seed, MESSAGES, PER_SECOND)
    started = time.monotonic()
    crowd.start()
    acts = storm(harm, seed)
    for number, (name, act) in enumerate(acts):
        # Evenly over the talk: a sender that dies again and again at once only meets the supervisor's backoff.
        time.sleep(max(0.0, started + number * MESSAGES / PER_SECOND / len(acts) - time.monotonic()))
        print(f"{time.monotonic() - started:6.1f} s, {crowd.said} said: {name}", flush=True)
        act()
    crowd.join(600.0)
    in_the_dark = accepted(town, unlucky)
    weather(town, seed)
    print(f"{time.monotonic() - started:6.1f} s, {crowd.said} said: healed; {unlucky} was dark", flush=True)
    settle(town, 400.0)
    history = judged(town)
    print(f"{time.monotonic() - started:6.1f} s: judged", flush=True)
    assert not in_the_dark, f"{unlucky} was not dark: {in_the_dark[0]}"
    assert len(accepted(town, unlucky)) > 0
    assert len(history.said) == MESSAGES
    assert not sights(town, seed)


def storm(harm: Harm, seed: int) -> list[tuple[str, Callable[[], None]]]:
    """Everything that can be done, in the order that the seed chooses."""
    acts: list[tuple[str, Callable[[], None]]] = [
        *((f"crash at {point}", partial(harm.crash, point)) for point in CRASH_POINTS),
        *((name, partial(harm.bad_weather, name)) for name in BAD_WEATHER),
        ("SIGKILL", harm.kill),
        ("SIGSTOP", harm.zombie),
        ("Kafka away", partial(harm.without, "kafka")),
        ("Postgres and Redis away", partial(harm.without, "postgres", "redis")),
    ]
    random.Random(seed).shuffle(acts)
    return acts


def accepted(town: Town, tenant: str) -> list[dict[str, Any]]:
    """Messages and receipts of a tenant that took effect at either platform, tokens apart."""
    calls = town.calls("genesys", tenant=tenant, accepted=True) + town.calls("whatsapp", tenant=tenant, accepted=True)
    return [call for call in calls if call["operation"] != "token"]


def settle(town: Town, patience: float) -> None:
    """Wait for rest; the judge has words for whatever has not come to it in time."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and not at_rest(town):
        time.sleep(1.0)


def at_rest(town: Town) -> bool:
    """No webhook is on its way, no delivery waits, nothing is unread."""
    agents, project = town.metrics("agents"), town.metrics("project")
    waiting = total(agents, "relaylog_sender_places") + total(agents, "relaylog_sender_lag_records")
    behind = total(agents, "relaylog_sender_destinations", state="behind")
    if waiting + behind + total(project, "relaylog_project_lag_records"):
        return False
    lines = town.lines("genesys", webhook="pending") + town.lines("whatsapp", webhook="pending")
    return not lines and all(line["receipt"] for line in town.lines("genesys", webhook="accepted"))


def judged(town: Town) -> History:
    """The history and its report, which must be clean and name nobody whose message was not taken over."""
    history = town.history(look_across=False)
    report = check(history)
    print({each.name: len(getattr(report, each.name)) for each in fields(report)}, f"{len(history.calls)} calls")
    assert report.clean, str(report)
    refused = [said for said in history.said if not said.accepted]
    assert not refused, f"never answered with 200: {refused}"
    return history


def sights(town: Town, seed: int) -> tuple[Sight, ...]:
    """What the keys of a few tenants are shown of each other; those of all would be millions of questions."""
    running = town.running
    running["tenants"] = random.Random(seed).sample(running["tenants"], LOOKED_ACROSS)
    return asyncio.run(collect(running)).sights
