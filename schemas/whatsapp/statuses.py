"""Elements of ``statuses[]`` as facts (whatsapp.md section 3)."""

from __future__ import annotations

from schemas.envelope import Envelope, envelope
from schemas.errors import InvalidInput
from schemas.events import Failure, Person, StatusData, StatusPersonal
from schemas.identity import Thread, customer_of, thread_of
from schemas.ids import event_id, whatsapp_message_id
from schemas.reading import Json, mappings, optional_text, required_text, unix_seconds
from schemas.whatsapp.callback import CallbackData, decode_callback
from schemas.whatsapp.failures import failure_of
from schemas.whatsapp.update import Update

STATUSES = ("sent", "delivered", "read", "played", "failed")


def translate_status(element: Json, update: Update) -> list[Envelope]:
    """``status.*`` of a message that we, or another program on the same number, sent.

    With our callback data the status knows its message and thread; without, both follow from wamid and recipient, and
    the thread of a group or of an unnamed recipient stays unknown. Raises InvalidInput when id, status or timestamp is
    wrong.
    """
    wamid = required_text(element, "id", "statuses[].")
    status = required_text(element, "status", "statuses[].")
    if status not in STATUSES:
        raise InvalidInput("statuses[].status", f"one of {', '.join(STATUSES)}")
    tenant, callback = update.tenant, decode_callback(element.get("biz_opaque_callback_data"))
    recipient, participant = _recipient(element, update)
    thread = _thread(recipient, callback, update)
    message = callback.delivery if callback else whatsapp_message_id(tenant.id, wamid)
    data = StatusData(
        channel=update.channel,
        message=message,
        customer=thread.pseudonym if thread else None,
        part=callback.part if callback else 1,
        parts=callback.parts if callback else 1,
        genesys_id=callback.genesys_id if callback else None,
        failure=_failure(element) if status == "failed" else None,
        personal=StatusPersonal(
            whatsapp_id=wamid, recipient=recipient, customer=thread.customer if thread else None, original=element
        ),
    )
    own = None if element.get("recipient_type") == "group" or thread is None else thread.subject
    return [
        envelope(
            id=event_id(tenant.id, "whatsapp", "status", wamid, status, participant),
            type=f"status.{status}",
            source=update.source,
            time=unix_seconds(element.get("timestamp"), "statuses[].timestamp"),
            recordedtime=update.recordedtime,
            tenantid=tenant.id,
            subject=callback.subject if callback else own,
            causationid=callback.delivery if callback else None,
            correlationid=message,
            data=data,
        )
    ]


def _recipient(element: Json, update: Update) -> tuple[Person, str]:
    """Who the status is about, and the participant's id where it is one of a group, which makes the status distinct."""
    if element.get("recipient_type") == "group":
        wa_id = optional_text(element, "recipient_participant_id")
        user_id = optional_text(element, "recipient_participant_user_id")
        parent = optional_text(element, "recipient_participant_parent_user_id")
        return update.person(wa_id, user_id, parent), user_id or wa_id or ""
    wa_id, user_id = optional_text(element, "recipient_id"), optional_text(element, "recipient_user_id")
    return update.person(wa_id, user_id, optional_text(element, "recipient_parent_user_id")), ""


def _thread(recipient: Person, callback: CallbackData | None, update: Update) -> Thread | None:
    """The customer under whose id the message was sent.

    A failed status names fewer ids than a delivered one. With callback data the subject tells which of the recipient's
    ids it was made of; the tenant's rule alone could name the same person by another id.
    """
    if callback is None:
        customer = customer_of(update.tenant, recipient)
        return thread_of(update.tenant, update.channel, customer) if customer else None
    ids = filter(None, (recipient.user_id, recipient.wa_id))
    threads = (thread_of(update.tenant, update.channel, customer) for customer in ids)
    return next((thread for thread in threads if thread.subject == callback.subject), None)


def _failure(element: Json) -> Failure:
    return failure_of(next(iter(mappings(element, "errors")), {}))
