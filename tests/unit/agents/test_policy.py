"""The policy, row by row of the platforms' tables."""

import pytest

from agents.answers import NotSent, Refused, Unanswered
from agents.policy import CONFIGURATION_BACKOFF, DeadLetter, Remint, Retry, backoff, decide


def half() -> float:
    return 0.5


def refused(status: int, code: str = "x", retry_after: float | None = None) -> Refused:
    return Refused(status, code, "the reason", retry_after)


@pytest.mark.parametrize("status", [400, 413, 415, 501, 200])
def test_genesys_answers_that_concern_the_delivery_end_it(status: int) -> None:
    assert decide("genesys", refused(status), 1, 1, half) == DeadLetter("the reason")


@pytest.mark.parametrize("status", [403, 404])
def test_a_revoked_permission_does_not_empty_the_queue_into_the_dead_letters(status: int) -> None:
    assert decide("genesys", refused(status), 50, 50, half) == Retry(CONFIGURATION_BACKOFF, counts=False)


def test_a_refused_token_is_minted_anew_once() -> None:
    assert decide("genesys", refused(401), 1, 1, half) == Remint()
    assert decide("genesys", refused(401), 2, 2, half) == Retry(CONFIGURATION_BACKOFF, counts=False)


def test_a_conflict_is_tried_once_more() -> None:
    assert isinstance(decide("genesys", refused(409), 3, 1, half), Retry)
    assert decide("genesys", refused(409), 4, 2, half) == DeadLetter("the reason")


def test_too_many_requests_freeze_the_client_for_what_the_platform_says_and_a_second() -> None:
    decision = decide("genesys", refused(429, retry_after=42), 1, 1, half)
    assert decision == Retry(43.0, counts=False, freezes_client=True)


@pytest.mark.parametrize("status", [408, 502, 503, 504])
def test_an_outage_does_not_use_up_the_budget(status: int) -> None:
    decision = decide("genesys", refused(status), 1, 1, half)
    assert isinstance(decision, Retry)
    assert not decision.counts


def test_a_server_error_uses_up_the_budget() -> None:
    assert decide("genesys", refused(500), 1, 1, half) == Retry(0.5)


@pytest.mark.parametrize("answer", [NotSent("connect", "r"), Unanswered("timeout", "r")])
def test_a_platform_that_is_away_is_waited_for(answer: NotSent | Unanswered) -> None:
    for platform in ("genesys", "whatsapp"):
        decision = decide(platform, answer, 1000, 1000, half)
        assert isinstance(decision, Retry)
        assert not decision.counts


@pytest.mark.parametrize(("seen", "seconds"), [(1, 1.0), (2, 4.0), (3, 16.0)])
def test_the_pair_rate_waits_in_powers_of_four_and_nobody_else_waits(seen: int, seconds: float) -> None:
    assert decide("whatsapp", refused(400, "131056"), 5, seen, half) == Retry(seconds, counts=False)


@pytest.mark.parametrize("code", ["4", "80007", "130429"])
def test_whatsapp_rate_limits_come_as_400(code: str) -> None:
    decision = decide("whatsapp", refused(400, code), 1, 1, half)
    assert isinstance(decision, Retry)
    assert decision.freezes_client


@pytest.mark.parametrize("code", ["0", "10", "190", "200", "299", "368", "131031", "133010"])
def test_whatsapp_account_codes_wait_for_a_person(code: str) -> None:
    assert decide("whatsapp", refused(403, code), 9, 9, half) == Retry(CONFIGURATION_BACKOFF, counts=False)


@pytest.mark.parametrize("code", ["100", "131008", "131009", "131026", "131047", "131050", "132001"])
def test_whatsapp_codes_that_concern_the_message_end_it(code: str) -> None:
    assert decide("whatsapp", refused(400, code), 1, 1, half) == DeadLetter("the reason")


@pytest.mark.parametrize("code", ["2", "131000", "131016", "131057", "133004"])
def test_whatsapp_transient_codes_are_tried_again(code: str) -> None:
    assert isinstance(decide("whatsapp", refused(500, code), 1, 1, half), Retry)


def test_backoff_doubles_up_to_its_limit_with_full_jitter() -> None:
    assert [backoff(n, lambda: 1.0) for n in (1, 2, 3)] == [1.0, 2.0, 4.0]
    assert backoff(100, lambda: 1.0) == 30.0
    assert backoff(3, lambda: 0.0) == 0.0
