"""Elements of ``messages[]`` and ``message_echoes[]`` as facts."""

from __future__ import annotations

from schemas.envelope import Envelope, envelope
from schemas.events import AliasData, AliasPersonal, Direction, MessageData, MessagePersonal, Person
from schemas.identity import customer_of, thread_of
from schemas.ids import event_id, whatsapp_message_id
from schemas.reading import Json, optional_mapping, optional_text, required_text, unix_seconds
from schemas.whatsapp.content import read_content
from schemas.whatsapp.update import Update

#: Message types that are facts of their own; each carries its own wamid and names the message it is about.
_FACTS = {"edit": "message.edited", "revoke": "message.revoked", "reaction": "message.reacted"}


def translate_message(element: Json, update: Update) -> list[Envelope]:
    """A customer's message; a system message about a new number or user id also joins the two identities.

    Raises InvalidInput when id, timestamp or any identity of the customer is missing.
    """
    system = optional_mapping(element, "system") if element.get("type") == "system" else {}
    person = update.person(
        optional_text(element, "from"),
        optional_text(element, "from_user_id") or optional_text(system, "previous_user_id"),
        optional_text(element, "from_parent_user_id") or optional_text(system, "previous_parent_user_id"),
    )
    kind = optional_text(element, "type") or ""
    fact = _fact(_FACTS.get(kind, "message.received"), "inbound", element, person, update)
    return [fact, *_alias(element, system, person, fact, update)]


def translate_echo(element: Json, update: Update) -> list[Envelope]:
    """What the business wrote on its own phone (Coexistence): recorded, never sent. Raises InvalidInput as above."""
    person = update.person(
        optional_text(element, "to"), optional_text(element, "to_user_id"), optional_text(element, "to_parent_user_id")
    )
    return [_fact("message.echoed", "outbound", element, person, update)]


def _fact(type: str, direction: Direction, element: Json, person: Person, update: Update) -> Envelope:
    wamid = required_text(element, "id", "messages[].")
    time = unix_seconds(element.get("timestamp"), "messages[].timestamp")
    thread = update.thread(person, "messages[].from")
    content = read_content(element, update.errors)
    identity = whatsapp_message_id(update.tenant.id, wamid)
    data = MessageData(
        channel=update.channel,
        customer=thread.pseudonym,
        direction=direction,
        kind=content.kind,
        author="business phone" if direction == "outbound" else None,
        personal=MessagePersonal(
            customer=thread.customer, content=content, person=person, whatsapp_id=wamid, original=element
        ),
    )
    return envelope(
        id=identity,
        type=type,
        source=update.source,
        time=time,
        recordedtime=update.recordedtime,
        tenantid=update.tenant.id,
        subject=thread.subject,
        correlationid=identity,
        data=data,
    )


def _alias(element: Json, system: Json, previous: Person, fact: Envelope, update: Update) -> list[Envelope]:
    """``customer.alias_added`` for a new number or user id (whatsapp.md section 2, ``system``)."""
    current = Person(
        wa_id=optional_text(system, "wa_id"),
        user_id=optional_text(system, "user_id"),
        parent_user_id=optional_text(system, "parent_user_id"),
        name=previous.name,
        username=previous.username,
    )
    before, after = customer_of(update.tenant, previous), customer_of(update.tenant, current)
    if before is None or after is None or before == after:
        return []
    old, new = (thread_of(update.tenant, update.channel, customer) for customer in (before, after))
    data = AliasData(
        channel=update.channel,
        customer=old.pseudonym,
        new_customer=new.pseudonym,
        personal=AliasPersonal(previous=previous, current=current, original=element),
    )
    return [
        envelope(
            id=event_id(update.tenant.id, "whatsapp", "alias", required_text(element, "id")),
            type="customer.alias_added",
            source=update.source,
            time=fact.time,
            recordedtime=update.recordedtime,
            tenantid=update.tenant.id,
            subject=old.subject,
            causationid=fact.id,
            correlationid=fact.id,
            data=data,
        )
    ]
