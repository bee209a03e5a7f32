"""Who a customer is in a tenant, and which thread that makes (DESIGN: customer identity)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from schemas.events import Person
from schemas.ids import customer_pseudonym, thread_subject
from schemas.tenant import Tenant

#: Business-scoped user id: country, dot, letters and digits, with ``ENT.`` for a parent (whatsapp.md section 7).
_BSUID = re.compile(r"[A-Z]{2}\.[^\s]+")
_NUMBER = re.compile(r"\+?([0-9]+)")


@dataclass(frozen=True, slots=True)
class Thread:
    """A customer on a channel, in clear and as the log's keys name it."""

    customer: str
    #: ``data.customer``.
    pseudonym: str
    subject: str


def customer_of(tenant: Tenant, person: Person) -> str | None:
    """The customer's id: the tenant's preferred identity, the other one where that is missing."""
    if tenant.customer_identity == "bsuid":
        return person.user_id or person.wa_id
    return person.wa_id or person.user_id


def thread_of(tenant: Tenant, channel: str, customer: str) -> Thread:
    """The thread of ``customer`` on the number ``channel``."""
    pepper = tenant.pepper_bytes
    return Thread(customer, customer_pseudonym(pepper, customer), thread_subject(pepper, channel, customer))


def is_bsuid(customer: str) -> bool:
    """True for a business-scoped user id, which WhatsApp takes as ``recipient`` and not as ``to``."""
    return _BSUID.fullmatch(customer) is not None


def is_number(customer: str) -> bool:
    """True for the digits of a phone number, without ``+``."""
    return customer.isascii() and customer.isdecimal()


def person_of_customer(address: str) -> Person:
    """The person that Genesys addresses; a number loses its ``+``, so that both sides' ids are one."""
    number = _NUMBER.fullmatch(address)
    if number:
        return Person(wa_id=number[1])
    return Person(user_id=address) if is_bsuid(address) else Person()


def plain_customer(address: str) -> str:
    """The customer's id in an address given by Genesys: a number without ``+``, anything else as it is."""
    number = _NUMBER.fullmatch(address)
    return number[1] if number else address
