"""Facts about a customer: who it is, what a service knows of it, what it wants."""

from __future__ import annotations

from typing import Any

import msgspec

from schemas.parts import Part, Person


class AliasPersonal(Part, frozen=True, kw_only=True):
    """Both identities of a customer whose number or BSUID changed."""

    previous: Person
    current: Person
    original: dict[str, Any] | None = None


class AliasData(Part, frozen=True, kw_only=True):
    """``customer.alias_added``: two identities are one person."""

    channel: str
    #: Pseudonyms of the old and the new identity.
    customer: str
    new_customer: str
    personal: AliasPersonal


class PreferencePersonal(Part, frozen=True, kw_only=True):
    """Who changed the preference, and the element as received."""

    person: Person
    original: dict[str, Any] | None = None


class PreferenceData(Part, frozen=True, kw_only=True):
    """``customer.opted_out`` and ``customer.opted_in``."""

    channel: str
    customer: str
    category: str
    personal: PreferencePersonal


class IdentifiedPersonal(Part, frozen=True, kw_only=True):
    """Who the customer is; ``other`` where another identity is the same person."""

    person: Person
    other: Person | None = None


class IdentifiedData(Part, frozen=True, kw_only=True):
    """``customer.identified``: a service knows who the customer is."""

    #: Pseudonyms.
    customer: str
    other_customer: str | None = None
    #: Who says so.
    by: str
    personal: IdentifiedPersonal


class ContextWrite(Part, frozen=True, kw_only=True):
    """A whole context document in place of one version of it.

    Of several writes that replace the same version the first in the log counts, the others never do.
    """

    document: dict[str, Any]
    #: Event id of the write that is replaced; None where there was no document.
    replaces: str | None = None


class UpdatedPersonal(Part, frozen=True, kw_only=True):
    """What changed."""

    person: Person = Person()
    #: Fields of the profile by name, such as language; None takes one away. What is not named stays.
    profile: dict[str, str | None] = msgspec.field(default_factory=dict)
    context: ContextWrite | None = None


class UpdatedData(Part, frozen=True, kw_only=True):
    """``customer.updated``: a service tells what it knows of the customer."""

    customer: str
    by: str
    personal: UpdatedPersonal
