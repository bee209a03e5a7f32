"""Tokens under many calls: one that is revoked stops nobody, and credentials that are refused are asked for once."""

from __future__ import annotations

import asyncio

import pytest

from agents import policy
from agents.circuit import Verdict
from tests.simulation.network import Answer, Exchange, Request
from tests.simulation.staged import Stage

THREADS = 8


class RevokedStage(Stage):
    """Once ``revoked`` is set to a token, every call that carries it is refused."""

    def __init__(self) -> None:
        super().__init__()
        self.token = self.revoked = ""
        self.refused = self.mints = 0
        self._take = self.world.genesys.take
        self.world.genesys.take = self._take_unless_revoked  # type: ignore[method-assign]

    def _take_unless_revoked(self, request: Request, exchange: Exchange) -> None:
        if request.path == "/oauth/token":
            self.mints += 1
        elif request.authorization == self.revoked:
            self.refused += 1
            exchange.answer(0.1, Answer(401, {"code": "bad.credentials", "message": "revoked"}))
            return
        else:
            self.token = request.authorization
        self._take(request, exchange)

    async def course(self) -> float:
        """Seconds from the first message after the revocation until all of them are taken."""
        for thread in range(THREADS):
            self.say(f"thread {thread}")
        await asyncio.sleep(20.0)
        self.revoked, self.mints = self.token, 0
        loop = asyncio.get_running_loop()
        began = loop.time()
        for thread in range(THREADS):
            self.say(f"thread {thread}")
        await self.settle()
        arrivals = [arrival.at for arrival in self.world.books.arrivals if arrival.accepted]
        assert len(arrivals) == 2 * THREADS
        return max(arrivals) - began


def test_a_token_revoked_under_many_calls_is_minted_anew_and_stops_nobody() -> None:
    stage = RevokedStage()
    longest = stage.play(stage.course)
    assert stage.refused > 1
    assert stage.mints == 1
    assert longest < policy.CONFIGURATION_BACKOFF


def test_if_the_first_refusal_counted_two_threads_would_stop_the_tenant(monkeypatch: pytest.MonkeyPatch) -> None:
    def every_refusal_counts(platform: str, answer: object, seen: int) -> Verdict:
        return Verdict.CONFIGURATION if getattr(answer, "status", 0) == 401 else original(platform, answer, seen)  # type: ignore[arg-type]

    original = policy.verdict
    monkeypatch.setattr("agents.lane.verdict", every_refusal_counts)
    stage = RevokedStage()
    assert stage.play(stage.course) > policy.CONFIGURATION_BACKOFF


class RefusedStage(Stage):
    """The token endpoint refuses the tenant's credentials until they are corrected, ``corrected`` seconds later."""

    def __init__(self, corrected: float) -> None:
        super().__init__()
        self.corrected = corrected
        self.mints = 0
        self.refuses = True
        self._take = self.world.genesys.take
        self.world.genesys.take = self._take_unless_refused  # type: ignore[method-assign]

    def _take_unless_refused(self, request: Request, exchange: Exchange) -> None:
        if request.path == "/oauth/token":
            self.mints += 1
            if self.refuses:
                exchange.answer(0.1, Answer(401, {"error": "invalid_client", "error_description": "unknown"}))
                return
        self._take(request, exchange)

    async def course(self) -> tuple[int, float]:
        """How many mints were tried, and the seconds from the correction of the record until all was taken."""
        for thread in range(4 * THREADS):
            self.say(f"thread {thread}")
        await asyncio.sleep(self.corrected)
        refused, self.refuses = self.mints, False
        began = asyncio.get_running_loop().time()
        self.correct()
        await self.settle()
        arrivals = [arrival.at for arrival in self.world.books.arrivals if arrival.accepted]
        assert len(arrivals) == 4 * THREADS
        return refused, max(arrivals) - began

    def correct(self) -> None:
        """The operator registers the tenant again."""
        again = self.tenant.model_copy(update={"genesys": self.tenant.genesys.model_copy()})
        self.world.by_name[again.id] = again
        self.world.tenant_changed(again.id)


@pytest.mark.parametrize("corrected", [1.0, 30.0])
def test_refused_credentials_are_asked_for_once_and_at_once_when_they_are_corrected(corrected: float) -> None:
    """Each of many threads has passed the circuit before it opens, and waits for its permit."""
    stage = RefusedStage(corrected)
    refused, seconds = stage.play(stage.course)
    assert refused == 1
    assert seconds < policy.CONFIGURATION_BACKOFF
