"""The sender of webhooks: signs nothing, retries as its policy says, then gives up; meets faults like any call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import aiohttp

from simulators.faults import WEBHOOK, Faults

Verdict = Literal["accepted", "retry", "lost"]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`delays`: seconds before each retry; `timeout`: seconds per call; `verdict` judges a status, None = no answer."""

    delays: tuple[float, ...]
    timeout: float
    verdict: Callable[[int | None], Verdict]


def genesys_verdict(status: int | None) -> Verdict:
    """Retried on no answer, 429 and 5xx only (genesys.md 4.3)."""
    if status is None or status == 429 or status >= 500:
        return "retry"
    return "accepted" if 200 <= status < 300 else "lost"


def meta_verdict(status: int | None) -> Verdict:
    """Only 200 is named as success (whatsapp.md 1.5)."""
    return "accepted" if status == 200 else "retry"


@dataclass(frozen=True, slots=True)
class Delivery:
    """How it ended: calls made and the last status (None: no answer)."""

    accepted: bool
    attempts: int
    status: int | None


class WebhookSender:
    """Posts bytes to a webhook under a retry policy; at most `concurrency` calls are in flight.

    Faults of the operation `webhook`: `drop answer` loses the answer, so that the webhook comes twice; `reset`,
    `status n` and `429` lose the call.
    """

    def __init__(self, session: aiohttp.ClientSession, policy: RetryPolicy, concurrency: int, faults: Faults) -> None:
        self._session = session
        self._policy = policy
        self._slots = asyncio.Semaphore(concurrency)
        self._faults = faults

    async def deliver(self, tenant: str, url: str, body: bytes, headers: Mapping[str, str]) -> Delivery:
        """`tenant`: relaylog's id, for faults to match."""
        attempts = 0
        while True:
            attempts += 1
            status = await self._attempt(tenant, url, body, headers)
            verdict = self._policy.verdict(status)
            if verdict != "retry" or attempts > len(self._policy.delays):
                return Delivery(verdict == "accepted", attempts, status)
            await asyncio.sleep(self._policy.delays[attempts - 1])

    async def _attempt(self, tenant: str, url: str, body: bytes, headers: Mapping[str, str]) -> int | None:
        fault = self._faults.draw(tenant, WEBHOOK, time.monotonic())
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.kind in ("reset", "status", "429"):
            return None
        status = await self._call(url, body, headers)
        return None if fault.kind == "drop answer" else status

    async def _call(self, url: str, body: bytes, headers: Mapping[str, str]) -> int | None:
        async with self._slots:
            try:
                async with (
                    asyncio.timeout(self._policy.timeout),
                    self._session.post(url, data=body, headers=headers, allow_redirects=False) as answer,
                ):
                    await answer.read()
                    return answer.status
            except (aiohttp.ClientError, TimeoutError, OSError):
                return None
