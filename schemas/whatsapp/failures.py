"""WhatsApp's errors in a person's words: what happened, and what can be done about it (whatsapp.md 5.2)."""

from __future__ import annotations

from typing import Final

from schemas.parts import Failure
from schemas.reading import Json, scalar
from schemas.whatsapp.wording import error_details

_WORDS: Final = {
    "0": "WhatsApp does not accept the access token",
    "190": "The access token has expired",
    "10": "The access token lacks a permission",
    "131005": "The access token lacks a permission",
    "368": "WhatsApp has blocked the business account for a violation of its policies",
    "130429": "The number sends more messages a second than WhatsApp allows",
    "130472": "The customer is part of an experiment of WhatsApp's and gets no marketing messages",
    "130497": "The business may not write to customers in this country",
    "131000": "WhatsApp had an error of its own",
    "131008": "The message lacks something that WhatsApp requires",
    "131009": "The message holds a value that WhatsApp does not allow",
    "131021": "The message was addressed to the number that sends it",
    "131026": "The customer cannot be reached: not on WhatsApp, or with a version that is too old",
    "131030": "A test number may only write to the numbers on its list",
    "131031": "WhatsApp has locked the business account",
    "131042": "The payment method of the business account does not work",
    "131047": "More than 24 hours have passed since the customer last wrote: only a template may be sent",
    "131048": "Customers have reported messages of this number as spam: WhatsApp restricts it",
    "131049": "WhatsApp did not deliver it, to spare the customer too many marketing messages",
    "131050": "The customer does not want marketing messages of this business",
    "131051": "WhatsApp does not support this kind of message",
    "131052": "The file that the customer sent cannot be fetched, or is too large",
    "131053": "WhatsApp does not take the file: its type, size or address",
    "131056": "Too many messages to this one customer in a short time",
    "131062": "This message needs the customer's telephone number",
    "132000": "The number of the template's parameters is wrong",
    "132001": "There is no such template in this language, or it is not approved",
    "132005": "The template's text becomes too long with these parameters",
    "132007": "The template violates WhatsApp's policies",
    "132012": "A parameter of the template has the wrong form",
    "132015": "The template is paused for its low quality",
    "132016": "The template is disabled for its low quality",
    "133010": "The business number is not registered with WhatsApp",
}


def failure_of(error: Json) -> Failure:
    """The platform's code, and words for a person; WhatsApp's own follow them."""
    code = scalar(error, "code") or "unknown"
    return Failure(code=code, reason=in_words(code, error_details(error)))


def in_words(code: str, said: str) -> str:
    """``words (WhatsApp: what it said)``; only what it said for a code that we do not know."""
    words = _WORDS.get(code)
    if words is None:
        return said or "WhatsApp gave no reason"
    return f"{words} (WhatsApp: {said})" if said else words
