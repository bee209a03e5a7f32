"""What to do after a call that did not succeed: a pure function of the platform, the answer and the tries so far.

Sources: retry table of genesys.md section 8, error tables of whatsapp.md sections 5.2 and 5.3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agents.answers import NotSent, Refused, Unanswered
from schemas.outcomes import Platform

#: Draws a float in [0, 1); randomness is an input.
Draw = Callable[[], float]

FIRST_BACKOFF = 0.5
LONGEST_BACKOFF = 30.0
#: A destination whose configuration is refused is asked again this often: an operator's correction needs no restart.
CONFIGURATION_BACKOFF = 60.0

WHATSAPP_PAIR_RATE = "131056"
WHATSAPP_RATE_CODES = frozenset({"4", "80007", "130429"})
WHATSAPP_TRANSIENT_CODES = frozenset({"2", "131000", "131016", "131057", "133004", "133015"})
WHATSAPP_ACCOUNT_CODES = frozenset(
    {"0", "3", "10", "33", "190", "368", "131005", "131031", "131042", "131045", "130497", "133000", "133010"}
)


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again after ``after`` seconds; ``counts`` is False when the attempt must not use up the delivery's budget."""

    after: float
    counts: bool = True
    #: True: the whole client's bucket waits, not only this delivery.
    freezes_client: bool = False


@dataclass(frozen=True, slots=True)
class Remint:
    """The token was refused: get a new one and try again at once."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Trying again cannot help: keep it for a person."""

    reason: str


Decision = Retry | Remint | DeadLetter


def decide(platform: Platform, answer: Refused | NotSent | Unanswered, tries: int, seen: int, draw: Draw) -> Decision:
    """What to do after the ``tries``-th try (from 1) of a delivery, the ``seen``-th (from 1) that ended with this
    code.
    """
    if not isinstance(answer, Refused):
        # The platform is away, whose fault no message is: such tries do not use up a delivery's budget.
        return Retry(backoff(tries, draw), counts=False)
    return _genesys(answer, tries, seen, draw) if platform == "genesys" else _whatsapp(answer, tries, seen, draw)


def backoff(tries: int, draw: Draw) -> float:
    """Exponential backoff with full jitter, in seconds."""
    return draw() * min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(tries, 16))


def _genesys(answer: Refused, tries: int, seen: int, draw: Draw) -> Decision:
    match answer.status:
        case 401:
            return Remint() if seen == 1 else Retry(CONFIGURATION_BACKOFF, counts=False)
        case 403 | 404:
            return Retry(CONFIGURATION_BACKOFF, counts=False)
        case 409:
            return Retry(backoff(tries, draw)) if seen == 1 else DeadLetter(answer.reason)
        case 429:
            return Retry(_rate_wait(answer, tries, draw), counts=False, freezes_client=True)
        case 408 | 502 | 503 | 504:
            return Retry(max(answer.retry_after or 0.0, backoff(tries, draw)), counts=False)
        case 500:
            return Retry(backoff(tries, draw))
        case _:
            return DeadLetter(answer.reason)


def _whatsapp(answer: Refused, tries: int, seen: int, draw: Draw) -> Decision:
    code = answer.code
    if code == WHATSAPP_PAIR_RATE:
        return Retry(4.0 ** min(seen - 1, 5), counts=False)
    if code in WHATSAPP_RATE_CODES or answer.status == 429:
        return Retry(_rate_wait(answer, tries, draw), counts=False, freezes_client=True)
    if code in WHATSAPP_ACCOUNT_CODES or (code.isdecimal() and 200 <= int(code) <= 299) or answer.status == 401:
        return Retry(CONFIGURATION_BACKOFF, counts=False)
    if code in WHATSAPP_TRANSIENT_CODES or (answer.status >= 500 and not code.isdecimal()):
        return Retry(backoff(tries, draw), counts=code == "131000")
    if code == "1" and seen == 1:
        return Retry(backoff(tries, draw))
    return DeadLetter(answer.reason)


def _rate_wait(answer: Refused, tries: int, draw: Draw) -> float:
    # The platforms round the wait, so a second is added (genesys.md section 8).
    return answer.retry_after + 1.0 if answer.retry_after is not None else 1.0 + backoff(tries, draw)
