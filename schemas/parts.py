"""What the data of several facts is made of."""

from __future__ import annotations

import msgspec


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all data shapes: immutable, absent fields are not written."""


class Person(Part, frozen=True, kw_only=True):
    """How the platforms name the customer; every field may be missing (whatsapp.md section 7)."""

    #: Digits without ``+``.
    wa_id: str | None = None
    #: Business-scoped user id (BSUID).
    user_id: str | None = None
    parent_user_id: str | None = None
    name: str | None = None
    username: str | None = None


class Failure(Part, frozen=True, kw_only=True):
    """Why something failed: the platform's own code, and words for a person."""

    code: str
    reason: str
