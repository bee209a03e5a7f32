"""One change of a WhatsApp webhook, seen by the translation of each of its elements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from schemas.errors import InvalidInput
from schemas.events import Person
from schemas.identity import Thread, customer_of, thread_of
from schemas.reading import Json, mappings, optional_mapping, optional_text
from schemas.tenant import Tenant


@dataclass(frozen=True, slots=True)
class Change:
    """One element of ``entry[].changes[]`` (whatsapp.md 1.3)."""

    waba_id: str
    field: str
    phone_number_id: str | None
    value: Json
    #: A webhook body of its own that holds this change only, so that a dead letter can be posted again.
    original: Any
    #: ``entry[].time``, Unix seconds, where Meta gives it.
    time: Any = None


@dataclass(frozen=True, slots=True)
class Update:
    """What every element of a change shares."""

    tenant: Tenant
    #: ``phone_number_id``.
    channel: str
    recordedtime: str
    value: Json

    @property
    def source(self) -> str:
        """``source`` of every fact from this change."""
        return f"whatsapp/{self.channel}"

    @property
    def errors(self) -> list[Json]:
        """Errors of the value as a whole."""
        return mappings(self.value, "errors")

    def person(self, wa_id: str | None, user_id: str | None, parent_user_id: str | None) -> Person:
        """A customer with what ``contacts[]`` adds; any of the ids may be missing (whatsapp.md section 7)."""
        contact = self._contact(wa_id, user_id)
        profile = optional_mapping(contact, "profile")
        return Person(
            wa_id=wa_id or optional_text(contact, "wa_id"),
            user_id=user_id or optional_text(contact, "user_id"),
            parent_user_id=parent_user_id or optional_text(contact, "parent_user_id"),
            name=optional_text(profile, "name"),
            username=optional_text(profile, "username"),
        )

    def _contact(self, wa_id: str | None, user_id: str | None) -> Json:
        """The contact with one of the ids; the only one when the element itself names nobody."""
        contacts = mappings(self.value, "contacts")
        for contact in contacts:
            if (user_id and contact.get("user_id") == user_id) or (wa_id and contact.get("wa_id") == wa_id):
                return contact
        return contacts[0] if len(contacts) == 1 and not (wa_id or user_id) else {}

    def thread(self, person: Person, field: str) -> Thread:
        """The person's thread on this channel. Raises InvalidInput naming ``field`` when the person has no id."""
        customer = customer_of(self.tenant, person)
        if customer is None:
            raise InvalidInput(field, "a customer's number or user id")
        return thread_of(self.tenant, self.channel, customer)
