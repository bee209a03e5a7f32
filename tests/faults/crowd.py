"""Traffic of many tenants from a thread of its own, while a test does harm elsewhere."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence

import httpx

from relaylog.demo_tenants import DemoTenant
from tests.acceptance.stage import Stage
from tests.history.collect import PLATFORMS

#: Customers of a tenant: few, so that a thread has something to keep in order.
CUSTOMERS = 3


class Crowd:
    """Says a number of messages at an even pace, each in a thread and by a side that the seed chooses."""

    def __init__(self, stage: Stage, tenants: Sequence[DemoTenant], seed: int, messages: int, pace: float) -> None:
        """``pace``: messages a second."""
        self.said = 0
        self._messages = messages
        self._gap = 1 / pace
        self._tenants = tenants
        self._random = random.Random(seed)
        self._addresses = {platform: stage.running["simulators"][platform] for platform in PLATFORMS}
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="crowd", daemon=True)

    def start(self) -> None:
        """Begin to talk."""
        self._thread.start()

    @property
    def talking(self) -> bool:
        """False once all has been said."""
        return self._thread.is_alive()

    def join(self, seconds: float) -> None:
        """Wait until all has been said. Raises what kept it from being said."""
        self._thread.join(seconds)
        if self._failure is not None:
            raise self._failure
        assert not self.talking, f"only {self.said} of {self._messages} messages said after {seconds:g} s"

    def _run(self) -> None:
        try:
            with httpx.Client(timeout=30.0, trust_env=False) as http:
                due = time.monotonic()
                while self.said < self._messages:
                    self._say(http)
                    due += self._gap
                    time.sleep(max(0.0, due - time.monotonic()))
        except Exception as error:
            self._failure = error

    def _say(self, http: httpx.Client) -> None:
        number = self._random.randrange(len(self._tenants))
        tenant = self._tenants[number]
        customer = f"4477009{CUSTOMERS * number + self._random.randrange(CUSTOMERS):05}"
        self.said += 1
        text = f"message {self.said}"
        if self._random.random() < 0.5:
            url = f"{self._addresses['whatsapp']}/_simulator/customers/{customer}/messages"
            message = {"type": "text", "text": {"body": text}}
            body: dict[str, object] = {"to": tenant.phone_number_id, "message": message}
        else:
            url = f"{self._addresses['genesys']}/_simulator/agents/messages"
            body = {"integration": tenant.integration_id, "to": customer, "text": text}
        http.post(url, json=body).raise_for_status()
