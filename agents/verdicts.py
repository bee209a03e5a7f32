"""What the end of a call says about its destination: the scope of a failure, by the platforms' own tables."""

from __future__ import annotations

from agents.answers import Answer, NotSent, Refused, Taken, Unanswered
from agents.circuit import Verdict
from agents.policy import WHATSAPP_ACCOUNT_CODES
from schemas.outcomes import Platform

#: What fails before a call because of the delivery's own file says nothing about the platform.
_MEDIA = "media_"


def verdict(platform: Platform, answer: Answer) -> Verdict:
    """The scope of an answer (genesys.md section 8, whatsapp.md section 5.2)."""
    match answer:
        case Taken():
            return Verdict.WORKS
        case NotSent(code=code):
            return Verdict.NOTHING if code.startswith(_MEDIA) else Verdict.TRANSPORT
        case Unanswered():
            return Verdict.TRANSPORT
        case Refused():
            return _refused(platform, answer)


def _refused(platform: Platform, answer: Refused) -> Verdict:
    if answer.code.startswith(_MEDIA):
        return Verdict.NOTHING
    if is_account_refusal(platform, answer):
        return Verdict.CONFIGURATION
    if answer.status == 429:
        return Verdict.NOTHING
    return Verdict.SERVER if answer.status >= 500 else Verdict.WORKS


def is_account_refusal(platform: Platform, answer: Refused) -> bool:
    """True when the refusal concerns what the tenant may do there, not the delivery."""
    if platform == "genesys":
        return answer.status in (401, 403, 404)
    code = answer.code
    return code in WHATSAPP_ACCOUNT_CODES or (code.isdecimal() and 200 <= int(code) <= 299) or answer.status == 401
