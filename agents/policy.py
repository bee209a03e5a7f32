"""What to do after a call that did not succeed: pure functions of the platform, its answer and the tries so far.

An answer has one *cause*; from the cause follow what is done, whom it concerns (the *scope*) and what it says about the
destination (the *verdict*, for the circuit). Sources: the retry table of genesys.md section 8, the error tables of
whatsapp.md sections 5.2 and 5.3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from agents.answers import Answer, NotSent, Refused, Taken, Unanswered
from agents.circuit import Verdict
from schemas.outcomes import Platform

#: Draws a float in [0, 1); randomness is an input.
Draw = Callable[[], float]

FIRST_BACKOFF = 0.5
LONGEST_BACKOFF = 30.0
#: A destination whose configuration is refused is asked again this often: an operator's correction needs no restart.
CONFIGURATION_BACKOFF = 60.0
#: A platform's own wait is kept, but no longer than this: one absurd header must not silence a tenant. Genesys's window
#: is a minute, and its Go client believes no more than 180 s (genesys.md section 8).
LONGEST_RATE_WAIT = 3600.0
#: Powers of four to which the waits of one WhatsApp pair grow: 4^5 s are 17 minutes.
LONGEST_PAIR_POWER = 5


class Scope(Enum):
    """Whom a failure concerns; who else goes on follows from it."""

    #: Only this delivery; its tries use up its budget.
    DELIVERY = "delivery"
    #: This thread, which waits: a pair rate. No budget is used up.
    THREAD = "thread"
    #: All that goes out under the same OAuth client or business number: its bucket is frozen. No budget is used up.
    CLIENT = "client"
    #: The tenant at this platform. A try uses up the budget only when the others of its channel got through meanwhile:
    #: then the delivery is at fault after all.
    DESTINATION = "destination"


class Cause(Enum):
    """Why a call did not succeed."""

    UNREACHABLE = "unreachable"
    #: The platform's own word that it cannot just now.
    UNAVAILABLE = "unavailable"
    #: The platform failed over this call.
    SERVER_ERROR = "server_error"
    RATE = "rate"
    PAIR_RATE = "pair_rate"
    TOKEN = "token"
    #: What the tenant may do there, or has configured there.
    CONFIGURATION = "configuration"
    #: May pass when it is made once more.
    CONFLICT = "conflict"
    #: The message itself.
    CONTENT = "content"
    #: The delivery's own file, which says nothing about the platform: it cannot be had now, or never.
    FILE_UNREACHABLE = "file_unreachable"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again after ``after`` seconds."""

    after: float
    scope: Scope


@dataclass(frozen=True, slots=True)
class Remint:
    """The token was refused: get a new one and try again at once."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Trying again cannot help: keep it for a person."""

    reason: str


Decision = Retry | Remint | DeadLetter
Failed = Refused | NotSent | Unanswered

#: What fails before a call because of the delivery's own file.
_FILE = "media_"

_GENESYS: dict[int, Cause] = {
    401: Cause.TOKEN,
    403: Cause.CONFIGURATION,
    404: Cause.CONFIGURATION,
    408: Cause.UNAVAILABLE,
    409: Cause.CONFLICT,
    429: Cause.RATE,
    501: Cause.CONTENT,
    502: Cause.UNAVAILABLE,
    503: Cause.UNAVAILABLE,
    504: Cause.UNAVAILABLE,
}
#: Codes decide, their HTTP status does not: WhatsApp answers 400 to rates. What is in no list concerns the message.
_WHATSAPP: dict[str, Cause] = {
    **dict.fromkeys(("4", "613", "80007", "130429"), Cause.RATE),
    "131056": Cause.PAIR_RATE,
    **dict.fromkeys(("2", "131016", "131057", "133004", "133015"), Cause.UNAVAILABLE),
    "131000": Cause.SERVER_ERROR,
    # The account, the number or their token. 131037 and 131048 hold for every message of the number.
    **dict.fromkeys(("0", "3", "10", "33", "190", "368", *map(str, range(200, 300))), Cause.CONFIGURATION),
    **dict.fromkeys(("131005", "131031", "131037", "131042", "131045", "131048"), Cause.CONFIGURATION),
    **dict.fromkeys(("133000", "133005", "133006", "133008", "133009", "133010", "133016"), Cause.CONFIGURATION),
    "1": Cause.CONFLICT,
}
_WHATSAPP_STATUS: dict[int, Cause] = {401: Cause.CONFIGURATION, 403: Cause.CONFIGURATION, 429: Cause.RATE}
_VERDICTS: dict[Cause, Verdict] = {
    Cause.UNREACHABLE: Verdict.TRANSPORT,
    Cause.UNAVAILABLE: Verdict.SERVER,
    Cause.SERVER_ERROR: Verdict.SERVER,
    Cause.RATE: Verdict.NOTHING,
    Cause.PAIR_RATE: Verdict.WORKS,
    Cause.CONFIGURATION: Verdict.CONFIGURATION,
    Cause.CONFLICT: Verdict.WORKS,
    Cause.CONTENT: Verdict.WORKS,
    Cause.FILE_UNREACHABLE: Verdict.NOTHING,
    Cause.FILE: Verdict.NOTHING,
}


def cause_of(platform: Platform, answer: Failed) -> Cause:
    """Why the call did not succeed, by the platform's tables."""
    if answer.code.startswith(_FILE):
        return Cause.FILE if isinstance(answer, Refused) else Cause.FILE_UNREACHABLE
    if not isinstance(answer, Refused):
        return Cause.CONFIGURATION if answer.code == "configuration" else Cause.UNREACHABLE
    if platform == "genesys":
        return _GENESYS.get(answer.status, Cause.SERVER_ERROR if answer.status >= 500 else Cause.CONTENT)
    if answer.code.isdecimal():
        return _WHATSAPP.get(answer.code, Cause.CONTENT)
    # Without a code of WhatsApp's own nothing says that the message is at fault.
    return _WHATSAPP_STATUS.get(answer.status, Cause.SERVER_ERROR if answer.status >= 500 else Cause.CONTENT)


def decide(cause: Cause, answer: Failed, tries: int, seen: int, draw: Draw) -> Decision:
    """What to do after the ``tries``-th try (from 1) of a delivery, the ``seen``-th (from 1) that had this cause."""
    match cause:
        case Cause.UNREACHABLE | Cause.UNAVAILABLE | Cause.FILE_UNREACHABLE:
            return Retry(max(_own_wait(answer), backoff(tries, draw)), Scope.DESTINATION)
        case Cause.SERVER_ERROR:
            return Retry(backoff(tries, draw), Scope.DELIVERY)
        case Cause.RATE:
            return Retry(_rate_wait(answer, tries, draw), Scope.CLIENT)
        case Cause.PAIR_RATE:
            return Retry(4.0 ** min(seen - 1, LONGEST_PAIR_POWER), Scope.THREAD)
        case Cause.TOKEN:
            return Remint() if seen == 1 else Retry(CONFIGURATION_BACKOFF, Scope.DESTINATION)
        case Cause.CONFIGURATION:
            return Retry(CONFIGURATION_BACKOFF, Scope.DESTINATION)
        case Cause.CONFLICT if seen == 1:
            return Retry(backoff(tries, draw), Scope.DELIVERY)
        case _:
            return DeadLetter(answer.reason)


def verdict(platform: Platform, answer: Answer, seen: int) -> Verdict:
    """What the ``seen``-th answer of its cause says about the destination.

    A token that was refused once only says that a new one is due: many calls in flight may have carried the old one.
    """
    if isinstance(answer, Taken):
        return Verdict.WORKS
    cause = cause_of(platform, answer)
    if cause is Cause.TOKEN:
        return Verdict.NOTHING if seen == 1 else Verdict.CONFIGURATION
    return _VERDICTS[cause]


def backoff(tries: int, draw: Draw) -> float:
    """Exponential backoff with full jitter, in seconds."""
    return draw() * min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(tries, 16))


def _own_wait(answer: Failed) -> float:
    given = answer.retry_after if isinstance(answer, Refused) else None
    return min(given or 0.0, LONGEST_RATE_WAIT)


def _rate_wait(answer: Failed, tries: int, draw: Draw) -> float:
    # The platforms round the wait, so a second is added (genesys.md section 8).
    if isinstance(answer, Refused) and answer.retry_after is not None:
        return min(answer.retry_after, LONGEST_RATE_WAIT) + 1.0
    return 1.0 + backoff(tries, draw)
