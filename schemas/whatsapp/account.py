"""What WhatsApp reports without a message: errors, marketing preferences, templates."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from schemas.envelope import Envelope, envelope
from schemas.errors import InvalidInput
from schemas.events import ErrorData, PreferenceData, PreferencePersonal, TemplateData
from schemas.ids import event_id
from schemas.reading import Json, mappings, optional_text, required_text, scalar, unix_seconds
from schemas.tenant import Tenant
from schemas.whatsapp.failures import failure_of
from schemas.whatsapp.update import Change, Update

#: Webhook fields about templates (whatsapp.md 1.3).
TEMPLATE_FIELDS = (
    "message_template_components_update",
    "message_template_quality_update",
    "message_template_status_update",
    "template_category_update",
)

#: ``signup`` is an opt-in through a link.
_PREFERENCES = {"stop": "customer.opted_out", "resume": "customer.opted_in", "signup": "customer.opted_in"}

_canonical = msgspec.json.Encoder(order="sorted")


def translate_error(element: Json, update: Update) -> list[Envelope]:
    """``platform.error_reported``.

    An error has neither id nor time: the same one about the same messages within an hour is taken for a repeated
    webhook, a later one for a new error.
    """
    wamids = [scalar(message, "id") for message in mappings(update.value, "messages")]
    digest = _digest([element, wamids])
    return [
        envelope(
            id=event_id(update.tenant.id, "whatsapp", "error", update.channel, digest, update.recordedtime[:13]),
            type="platform.error_reported",
            source=update.source,
            time=update.recordedtime,
            recordedtime=update.recordedtime,
            tenantid=update.tenant.id,
            data=ErrorData(channel=update.channel, failure=failure_of(element), original=element),
        )
    ]


def translate_preference(element: Json, update: Update) -> list[Envelope]:
    """``customer.opted_out`` or ``.opted_in`` (whatsapp.md section 6). Raises InvalidInput for another value."""
    value = required_text(element, "value", "user_preferences[].")
    if value not in _PREFERENCES:
        raise InvalidInput("user_preferences[].value", f"one of {', '.join(_PREFERENCES)}")
    category = required_text(element, "category", "user_preferences[].")
    time = unix_seconds(element.get("timestamp"), "user_preferences[].timestamp")
    person = update.person(
        optional_text(element, "wa_id"), optional_text(element, "user_id"), optional_text(element, "parent_user_id")
    )
    thread = update.thread(person, "user_preferences[].wa_id")
    data = PreferenceData(
        channel=update.channel,
        customer=thread.pseudonym,
        category=category,
        personal=PreferencePersonal(person=person, original=element),
    )
    return [
        envelope(
            id=event_id(update.tenant.id, "whatsapp", "preference", thread.subject, category, value, time),
            type=_PREFERENCES[value],
            source=update.source,
            time=time,
            recordedtime=update.recordedtime,
            tenantid=update.tenant.id,
            subject=thread.subject,
            data=data,
        )
    ]


def translate_template(change: Change, tenant: Tenant, recordedtime: str) -> list[Envelope]:
    """``template.changed``, about a WABA rather than a number. Raises InvalidInput when its time is none."""
    time = recordedtime if change.time is None else unix_seconds(change.time, "entry[].time")
    moment = recordedtime[:13] if change.time is None else time
    digest = _digest(change.value)
    return [
        envelope(
            id=event_id(tenant.id, "whatsapp", "template", change.waba_id, change.field, moment, digest),
            type="template.changed",
            source=f"whatsapp/{change.waba_id}",
            time=time,
            recordedtime=recordedtime,
            tenantid=tenant.id,
            data=TemplateData(waba_id=change.waba_id, field=change.field, original=change.value),
        )
    ]


def _digest(value: Any) -> str:
    return hashlib.sha256(_canonical.encode(value)).hexdigest()
