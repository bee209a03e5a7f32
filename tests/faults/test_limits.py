"""The platform's own limit, under more than it allows: used up, never overrun, and shared with a stranger."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from relaylog.data_folder import DataFolder
from tests.acceptance.stage import Stage
from tests.acceptance.system import until
from tests.seed import chosen_seed

#: Calls that Genesys allows the tenant in a window of WINDOW seconds; the tenant's record says 300.
ALLOWED, WINDOW = 120, 60.0
WINDOWS = 2
ENOUGH = 0.95
CUSTOMERS = 60
#: Calls a minute that somebody else makes with the tenant's OAuth client.
STRANGERS = 30


def test_a_limit_is_used_up_and_never_overrun(stage: Stage, record_property: Callable[[str, object], None]) -> None:
    load = under_overload(stage)
    record_property("calls within the limit", f"{load.granted} of {ALLOWED * WINDOWS}, {load.refused} refused")
    assert load.refused == 0
    assert ENOUGH * ALLOWED * WINDOWS <= load.granted <= ALLOWED * WINDOWS
    stage.judged(patience=200.0)


def test_a_stranger_who_spends_a_part_is_told_by_the_platforms_count(
    stage: Stage, record_property: Callable[[str, object], None]
) -> None:
    with stranger(stage) as spent:
        load = under_overload(stage)
    others = sum(load.began <= at < load.ended for at in spent)
    words = f"{load.granted} of {ALLOWED * WINDOWS} beside {others} of a stranger, {load.refused} refused"
    record_property("calls within a limit that a stranger shares", words)
    assert load.granted + others >= ENOUGH * ALLOWED * WINDOWS
    # Only what the stranger took after our last answer of a window could not be known.
    assert load.refused <= 2 * WINDOWS
    stage.judged(patience=200.0)


@dataclass(frozen=True)
class Load:
    """Calls of ours within the first windows of an overload, in Unix seconds."""

    granted: int
    refused: int
    began: float
    ended: float


def under_overload(stage: Stage) -> Load:
    """Bring more than is allowed for some windows; then the limit is lifted."""
    if before := len(stage.ledger("genesys")):
        # A window that is open would count calls of before.
        time.sleep(WINDOW + 1.0)
    stage.control("PUT", "genesys", "limits", {"tenant": "acme", "calls_per_minute": ALLOWED})
    customers = [stage.new_customer() for _ in range(CUSTOMERS)]
    for number in range(round(1.5 * WINDOWS * ALLOWED)):
        stage.customer_says(customers[number % CUSTOMERS], f"message {number}")
    first = until("the first call", lambda: ours(stage, before) or None)[0]
    began = instant(first)
    ended = began + WINDOWS * WINDOW
    time.sleep(max(0.0, ended - time.time()) + 1.0)
    statuses = [call["status"] for call in ours(stage, before) if instant(call) < ended]
    stage.raise_limits()
    return Load(len(statuses) - statuses.count(429), statuses.count(429), began, ended)


def ours(stage: Stage, before: int) -> list[dict[str, Any]]:
    """Answered calls that the sender made for the tenant."""
    return [
        call
        for call in stage.ledger("genesys", before)
        if call["tenant"] == "acme" and call["operation"] in ("message", "receipt") and call["status"] is not None
    ]


def instant(call: dict[str, Any]) -> float:
    """Unix seconds."""
    return datetime.fromisoformat(call["at"]).timestamp()


@contextmanager
def stranger(stage: Stage) -> Iterator[list[float]]:
    """Somebody else who calls with the tenant's OAuth client; when each call that was granted was made."""
    config = json.loads(DataFolder(stage.up.data).simulators_file.read_text())
    genesys = next(tenant["genesys"] for tenant in config["tenants"] if tenant["id"] == "acme")
    address, over = stage.running["simulators"]["genesys"], threading.Event()
    draw, spent = random.Random(chosen_seed()), list[float]()

    def spend() -> None:
        with httpx.Client(base_url=address, trust_env=False) as http:
            client = (genesys["client_id"], genesys["client_secret"])
            token = http.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=client).json()
            http.headers["Authorization"] = f"Bearer {token['access_token']}"
            while not over.wait(draw.uniform(0.0, 2 * 60.0 / STRANGERS)):
                if http.get("/api/v2/conversations/messages/none").status_code != 429:
                    spent.append(time.time())

    thread = threading.Thread(target=spend, daemon=True)
    thread.start()
    try:
        yield spent
    finally:
        over.set()
        thread.join()
