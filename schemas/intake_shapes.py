"""What the events of other programs have in common."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.errors import InvalidInput
from schemas.identity import Thread, customer_of, thread_of
from schemas.parts import Person
from schemas.tenant import Tenant

Name = Annotated[str, Field(min_length=1, max_length=256)]


class Strict(BaseModel):
    """A misspelt field of ours must not pass silently."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Customer(Strict):
    """A customer as other programs name it."""

    #: Digits, with or without ``+``.
    wa_id: Annotated[str, Field(pattern=r"^\+?[0-9]{5,20}$")] | None = None
    user_id: Annotated[str, Field(pattern=r"^[A-Z]{2}\.[A-Za-z0-9.]{1,160}$")] | None = None
    name: Name | None = None

    @model_validator(mode="after")
    def _named(self) -> Self:
        if not (self.wa_id or self.user_id):
            raise ValueError("wa_id or user_id")
        return self

    def person(self) -> Person:
        """The same as our facts name it."""
        return Person(wa_id=self.wa_id.lstrip("+") if self.wa_id else None, user_id=self.user_id, name=self.name)


def thread_named(tenant: Tenant, channel: str, person: Person) -> Thread:
    """The person's thread on a channel of the tenant. Raises InvalidInput."""
    if tenant.channel(channel) is None:
        raise InvalidInput("data.channel", f"the phone_number_id of a channel of tenant {tenant.id}")
    customer = customer_of(tenant, person)
    if customer is None:
        raise InvalidInput("data.customer", "wa_id or user_id")
    return thread_of(tenant, channel, customer)
