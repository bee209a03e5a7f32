"""Telephone numbers: how one is shown, and under which spellings WhatsApp may know it (whatsapp.md section 7).

Nothing here decides who somebody is: the log keeps what the platform said.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

_NOT_DIGITS: Final = re.compile(r"[^0-9]")
#: What people write between digits.
_WRITTEN: Final = re.compile(r"\+?[0-9][0-9 ().\-/]{3,30}")

#: A Brazilian mobile number, whose ninth digit accounts made before 2016 lack.
_BRAZIL: Final = re.compile(r"55([1-9][0-9])(9?)([6-9][0-9]{7})")
#: A Mexican one, with the digit that was dialled for mobiles until 2019.
_MEXICO: Final = re.compile(r"52(1?)([0-9]{10})")
#: An Argentinian mobile, as WhatsApp writes it. The reverse is not tried: a number without the 9 may be a landline.
_ARGENTINA: Final = re.compile(r"549([0-9]{10})")


@dataclass(frozen=True, slots=True)
class Number:
    """A customer's number as people and systems write it."""

    #: Digits as WhatsApp has them.
    wa_id: str
    #: E.164 with ``+``, of the number that is dialled; None where there is no such number.
    e164: str | None
    #: With spaces, for people.
    international: str | None
    #: ISO 3166 country, e.g. GB; None for numbers of no country.
    region: str | None
    #: Whether such a number can have been given out.
    valid: bool


@lru_cache(maxsize=4096)
def number_of(wa_id: str) -> Number:
    """The number behind a wa_id."""
    try:
        parsed = phonenumbers.parse(f"+{dialled(wa_id)}")
    except NumberParseException:
        return Number(wa_id, None, None, None, False)
    return Number(
        wa_id=wa_id,
        e164=phonenumbers.format_number(parsed, PhoneNumberFormat.E164),
        international=phonenumbers.format_number(parsed, PhoneNumberFormat.INTERNATIONAL),
        region=_region(parsed),
        valid=phonenumbers.is_valid_number(parsed),
    )


def _region(parsed: phonenumbers.PhoneNumber) -> str | None:
    # The country code tells it too where the number itself was never given out.
    by_code = phonenumbers.region_code_for_country_code(parsed.country_code or 0)
    found: str | None = phonenumbers.region_code_for_number(parsed) or by_code
    return found if found not in ("001", "ZZ") else None


def dialled(wa_id: str) -> str:
    """The digits to dial: Mexico without the 1, Brazil with its ninth digit."""
    if found := _MEXICO.fullmatch(wa_id):
        return f"52{found[2]}"
    if found := _BRAZIL.fullmatch(wa_id):
        return f"55{found[1]}9{found[3]}"
    return wa_id


def spellings(text: str) -> tuple[str, ...]:
    """Every wa_id that may mean the number in ``text``, itself first; empty when it is no number.

    For look-up only: that a customer is found under another spelling does not make it theirs.
    """
    if not _WRITTEN.fullmatch(text.strip()):
        return ()
    digits = _NOT_DIGITS.sub("", text)
    others: list[str] = []
    if found := _BRAZIL.fullmatch(digits):
        others = [f"55{found[1]}9{found[3]}", f"55{found[1]}{found[3]}"]
    elif found := _MEXICO.fullmatch(digits):
        others = [f"52{found[2]}", f"521{found[2]}"]
    elif found := _ARGENTINA.fullmatch(digits):
        others = [f"54{found[1]}"]
    return tuple(dict.fromkeys((digits, *others)))
