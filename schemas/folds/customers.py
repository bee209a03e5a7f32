"""What facts about a customer say about the views."""

from __future__ import annotations

import msgspec

from schemas.customer_events import AliasData, IdentifiedData, PreferenceData, UpdatedData
from schemas.folds.customer import ContextVersion, CustomerAlias, CustomerLink, CustomerState
from schemas.folds.field import CustomerField
from schemas.folds.identities import customer_of
from schemas.folds.shapes import Header
from schemas.folds.times import merge_time, tenant_of
from schemas.folds.views import Views, add
from schemas.parts import Person

_encode = msgspec.json.encode


def seen(views: Views, tenant: str, pseudonym: str, person: Person, at: str) -> str:
    """A fact named the customer with this pseudonym; the customer's id."""
    customer = customer_of(tenant, pseudonym)
    state = CustomerState(
        tenant_id=tenant,
        customer_id=customer,
        pseudonym=pseudonym,
        name=person.name,
        name_at=at if person.name is not None else None,
        username=person.username,
        username_at=at if person.username is not None else None,
        first_seen_at=at,
        last_seen_at=at,
    )
    add(views.customer, state)
    for kind, value in _names(person):
        if value is not None:
            add(views.customer_alias, _alias(tenant, kind, value, customer, at))
    return customer


def alias_added(views: Views, header: Header, data: AliasData) -> None:
    """``customer.alias_added``: both identities, that they are one person, and which names are given up."""
    tenant, at = tenant_of(header), merge_time(header)
    previous = seen(views, tenant, data.customer, data.personal.previous, at)
    current = seen(views, tenant, data.new_customer, data.personal.current, at)
    _link(views, tenant, previous, current, at)
    for (kind, old), (_, new) in zip(_names(data.personal.previous), _names(data.personal.current), strict=True):
        if old is not None and new is not None and old != new:
            given_up = _alias(tenant, kind, old, previous, at)
            given_up.ended_at = at
            add(views.customer_alias, given_up)


def identified(views: Views, header: Header, data: IdentifiedData) -> None:
    """``customer.identified``."""
    tenant, at = tenant_of(header), merge_time(header)
    customer = seen(views, tenant, data.customer, data.personal.person, at)
    if data.other_customer is not None:
        other = seen(views, tenant, data.other_customer, data.personal.other or Person(), at)
        _link(views, tenant, customer, other, at)


def opted(views: Views, header: Header, data: PreferenceData) -> None:
    """``customer.opted_out`` and ``.opted_in``."""
    tenant, at = tenant_of(header), merge_time(header)
    customer = seen(views, tenant, data.customer, data.personal.person, at)
    value = "yes" if header.type == "customer.opted_out" else "no"
    _set(views, tenant, customer, "opt_out", data.category, value, at, header.id)


def updated(views: Views, header: Header, data: UpdatedData) -> None:
    """``customer.updated``."""
    tenant, at = tenant_of(header), merge_time(header)
    customer = seen(views, tenant, data.customer, data.personal.person, at)
    for name, value in data.personal.profile.items():
        _set(views, tenant, customer, "profile", name, value, at, header.id)
    context = data.personal.context
    if context is not None:
        version = ContextVersion(
            tenant_id=tenant,
            customer_id=customer,
            version=header.id,
            replaces=context.replaces,
            document=_encode(context.document).decode(),
            by=data.by,
            at=at,
            log_position=header.log_position,
        )
        add(views.context_version, version)


def _names(person: Person) -> tuple[tuple[str, str | None], ...]:
    return (("wa_id", person.wa_id), ("user_id", person.user_id), ("parent_user_id", person.parent_user_id))


def _alias(tenant: str, kind: str, value: str, customer: str, at: str) -> CustomerAlias:
    return CustomerAlias(tenant_id=tenant, kind=kind, value=value, customer_id=customer, first_at=at)


def _link(views: Views, tenant: str, one: str, other: str, at: str) -> None:
    if one != other:
        add(views.customer_link, CustomerLink(tenant_id=tenant, customer_id=one, linked_id=other, at=at))
        add(views.customer_link, CustomerLink(tenant_id=tenant, customer_id=other, linked_id=one, at=at))


def _set(
    views: Views, tenant: str, customer: str, kind: str, name: str, value: str | None, at: str, event: str
) -> None:
    field = CustomerField(
        tenant_id=tenant, customer_id=customer, kind=kind, name=name, value=value, at=at, event_id=event
    )
    add(views.customer_field, field)
