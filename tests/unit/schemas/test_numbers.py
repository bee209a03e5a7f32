"""Numbers as people write them, and the countries whose numbers WhatsApp spells in its own way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.numbers import Number, number_of, spellings


@pytest.mark.parametrize(
    ("wa_id", "e164", "international", "region", "valid"),
    [
        ("447400123456", "+447400123456", "+44 7400 123456", "GB", True),
        ("447700900123", "+447700900123", "+44 7700 900123", "GB", False),  # kept for fiction by Ofcom
        ("5215512345678", "+525512345678", "+52 55 1234 5678", "MX", True),
        ("551187654321", "+5511987654321", "+55 11 98765-4321", "BR", True),
        ("5491123456789", "+5491123456789", "+54 9 11 2345-6789", "AR", True),
    ],
)
def test_a_number_is_shown_as_it_is_dialled(
    wa_id: str, e164: str, international: str, region: str, valid: bool
) -> None:
    assert number_of(wa_id) == Number(wa_id, e164, international, region, valid)


def test_digits_that_are_no_number_are_shown_as_they_are() -> None:
    assert number_of("0") == Number("0", None, None, None, False)
    assert not number_of("99999999999").valid


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+44 7700 900123", ("447700900123",)),
        ("(55) 11 98765-4321".replace("(55)", "55"), ("5511987654321", "551187654321")),
        ("551187654321", ("551187654321", "5511987654321")),
        ("551134567890", ("551134567890",)),  # a landline of São Paulo
        ("5215512345678", ("5215512345678", "525512345678")),
        ("525512345678", ("525512345678", "5215512345678")),
        ("5491123456789", ("5491123456789", "541123456789")),
        ("541123456789", ("541123456789",)),  # with a 9 it may be somebody else's
        ("GB.13491208655302741918", ()),
        ("", ()),
    ],
)
def test_a_number_is_looked_up_under_every_spelling(text: str, expected: tuple[str, ...]) -> None:
    assert spellings(text) == expected


@given(st.from_regex(r"(55|52|54)[0-9]{8,11}", fullmatch=True))
def test_spellings_never_leave_the_country_and_begin_with_what_was_asked(digits: str) -> None:
    found = spellings(digits)
    assert found[0] == digits
    assert {spelling[:2] for spelling in found} == {digits[:2]}
    assert all(digits[-8:] == spelling[-8:] for spelling in found)
