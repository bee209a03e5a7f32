"""The policy: how causes become waits, budgets and verdicts; which answer has which cause is in test_policy_tables."""

import pytest

from agents.answers import NotSent, Refused, Taken, Unanswered
from agents.circuit import Verdict
from agents.policy import (
    CONFIGURATION_BACKOFF,
    LONGEST_RATE_WAIT,
    Cause,
    DeadLetter,
    Remint,
    Retry,
    Scope,
    backoff,
    decide,
    verdict,
)

ANSWER = Refused(400, "x", "the reason")


def half() -> float:
    return 0.5


def refused(status: int, retry_after: float | None = None) -> Refused:
    return Refused(status, "x", "the reason", retry_after)


@pytest.mark.parametrize("cause", [Cause.CONTENT, Cause.FILE])
def test_what_concerns_the_message_ends_it(cause: Cause) -> None:
    assert decide(cause, ANSWER, 1, 1, half) == DeadLetter("the reason")


def test_a_refused_token_is_minted_anew_once() -> None:
    assert decide(Cause.TOKEN, refused(401), 1, 1, half) == Remint()
    assert decide(Cause.TOKEN, refused(401), 2, 2, half) == Retry(CONFIGURATION_BACKOFF, Scope.DESTINATION)


def test_a_token_refused_once_says_nothing_since_many_calls_may_have_carried_it() -> None:
    assert verdict("genesys", refused(401), 1) is Verdict.NOTHING
    assert verdict("genesys", refused(401), 2) is Verdict.CONFIGURATION


def test_a_conflict_is_tried_once_more() -> None:
    assert decide(Cause.CONFLICT, refused(409), 3, 1, half) == Retry(2.0, Scope.DELIVERY)
    assert decide(Cause.CONFLICT, refused(409), 4, 2, half) == DeadLetter("the reason")


@pytest.mark.parametrize(
    ("given", "waited"), [(42, 43.0), (0, 1.0), (181, 182.0), (600, 601.0), (10 * LONGEST_RATE_WAIT, 3601.0)]
)
def test_the_platforms_own_wait_is_kept_however_long_up_to_an_hour_and_a_second_is_added(
    given: float, waited: float
) -> None:
    assert decide(Cause.RATE, refused(429, given), 1, 1, half) == Retry(waited, Scope.CLIENT)


def test_a_rate_without_a_wait_backs_off() -> None:
    waits = [decide(Cause.RATE, refused(400), tries, tries, half) for tries in (1, 2, 3)]
    assert waits == [Retry(1.0 + 0.5 * 2 ** (n - 1), Scope.CLIENT) for n in (1, 2, 3)]


@pytest.mark.parametrize(("seen", "seconds"), [(1, 1.0), (2, 4.0), (3, 16.0), (6, 1024.0), (99, 1024.0)])
def test_a_pair_rate_waits_in_powers_of_four_whatever_else_the_delivery_met(seen: int, seconds: float) -> None:
    assert decide(Cause.PAIR_RATE, ANSWER, 50 + seen, seen, half) == Retry(seconds, Scope.THREAD)


def test_an_unavailable_platform_is_asked_when_it_says() -> None:
    decision = decide(Cause.UNAVAILABLE, refused(503, 20), 1, 1, half)
    assert decision == Retry(20.0, Scope.DESTINATION)


@pytest.mark.parametrize(
    "cause", [Cause.UNREACHABLE, Cause.UNAVAILABLE, Cause.CONFIGURATION, Cause.RATE, Cause.PAIR_RATE]
)
def test_what_is_no_fault_of_the_delivery_is_never_given_up_for_it(cause: Cause) -> None:
    decision = decide(cause, ANSWER, 1000, 1000, half)
    assert isinstance(decision, Retry)
    assert decision.scope is not Scope.DELIVERY


def test_what_was_taken_works() -> None:
    for platform in ("genesys", "whatsapp"):
        assert verdict(platform, Taken(200), 1) is Verdict.WORKS


@pytest.mark.parametrize("answer", [NotSent("connect", ""), Unanswered("timeout", "")])
def test_no_answer_is_a_fault_of_the_way_there(answer: NotSent | Unanswered) -> None:
    for platform in ("genesys", "whatsapp"):
        assert verdict(platform, answer, 1) is Verdict.TRANSPORT


def test_backoff_doubles_up_to_its_limit() -> None:
    assert [backoff(n, lambda: 1.0) for n in (1, 2, 3)] == [1.0, 2.0, 4.0]
    assert backoff(100, lambda: 1.0) == 30.0


@pytest.mark.parametrize("tries", [1, 4, 100])
def test_jitter_is_full_from_nothing_to_the_whole_wait(tries: int) -> None:
    whole = backoff(tries, lambda: 1.0)
    draws = [n / 100 for n in range(100)]
    waits = [backoff(tries, lambda draw=draw: draw) for draw in draws]  # type: ignore[misc]
    assert waits == [pytest.approx(draw * whole) for draw in draws]
