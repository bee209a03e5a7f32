"""A Genesys webhook, one message a body, as facts (genesys.md section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from schemas.envelope import Envelope, envelope
from schemas.errors import InvalidInput
from schemas.events import Failure, MessageData, MessagePersonal, Part, ReceiptData, TypingData
from schemas.genesys.content import read_content
from schemas.identity import Thread, person_of_customer, plain_customer, thread_of
from schemas.ids import event_id, genesys_message_id, whatsapp_message_id
from schemas.reading import Json, iso_time, mappings, optional_mapping, optional_text, required_text, scalar
from schemas.tenant import Channel, Tenant
from schemas.translation import Rejected, Translated

_AUTHORS = {"Human": "agent", "Bot": "bot"}
#: Events and receipts that Genesys names in its description and that say nothing to WhatsApp.
_OTHER_EVENTS = {"Presence": "event_presence", "CoBrowse": "event_cobrowse", "Video": "event_video"}
_OTHER_RECEIPTS = {name: f"receipt_{name.lower()}" for name in ("Sent", "Delivered", "Read", "Removed")}


@dataclass(frozen=True, slots=True)
class _Notice:
    """One body with what all of its facts share."""

    body: Json
    tenant: Tenant
    channel: Channel
    recordedtime: str

    @property
    def from_genesys(self) -> Json:
        return optional_mapping(self.body, "channel")

    @property
    def time(self) -> str:
        """``channel.time``; a message of an agent is not lost for want of a readable one."""
        return iso_time(self.from_genesys.get("time")) or self.recordedtime

    def thread(self, *parties: str) -> Thread | None:
        """The thread with the first of the parties (``to``, ``from``) that is not the integration itself."""
        for party in parties:
            address = optional_text(optional_mapping(self.from_genesys, party), "id")
            if address and address != self.channel.integration_id:
                return thread_of(self.tenant, self.channel.phone_number_id, plain_customer(address))
        return None

    def fact(self, id: str, type: str, thread: Thread | None, data: Part, correlationid: str | None = None) -> Envelope:
        return envelope(
            id=id,
            type=type,
            source=f"genesys/{self.channel.integration_id}",
            time=self.time,
            recordedtime=self.recordedtime,
            tenantid=self.tenant.id,
            subject=thread.subject if thread else None,
            correlationid=correlationid,
            data=data,
        )


def translate_genesys(body: Any, tenant: Tenant, channel: Channel, recordedtime: str) -> Translated:
    """Facts of one webhook body, posted to the URL of ``channel``'s integration; ``body`` is the parsed JSON.

    Never raises on what JSON can hold: a body ends as facts, as a named skip, or rejected.
    """
    result = Translated()
    if not isinstance(body, dict):
        result.rejected.append(Rejected("not_an_object", body, "body: expected an object"))
        return result
    if not _is_of_integration(body, channel.integration_id):
        detail = f"channel.id, channel.from.id: expected {channel.integration_id}"
        result.rejected.append(Rejected("integration_mismatch", body, detail))
        return result
    notice = _Notice(body, tenant, channel, recordedtime)
    kind = optional_text(body, "type") or ""
    if kind == "Event":
        _translate_events(notice, result)
    elif kind == "Receipt" and scalar(body, "status") in _OTHER_RECEIPTS:
        result.skipped[_OTHER_RECEIPTS[scalar(body, "status")]] += 1
    elif kind != "Receipt" and body.get("direction") == "Inbound":
        result.skipped["direction_inbound"] += 1
    else:
        translate = _translate_receipt if kind == "Receipt" else _translate_message
        result.attempt(body, partial(translate, notice))
    return result


def _is_of_integration(body: Json, integration_id: str) -> bool:
    """Channel and sender are the integration; a receipt may name it as the recipient instead."""
    channel = optional_mapping(body, "channel")
    named = [optional_text(channel, "id"), optional_text(optional_mapping(channel, "from"), "id")]
    if body.get("type") == "Receipt":
        recipient = optional_text(optional_mapping(channel, "to"), "id")
        return named[0] == integration_id or (named[0] is None and integration_id in (named[1], recipient))
    return any(named) and all(name in (None, integration_id) for name in named)


def _translate_message(notice: _Notice) -> list[Envelope]:
    body = notice.body
    message_id = required_text(body, "id")
    thread = notice.thread("to")
    if thread is None:
        raise InvalidInput("channel.to.id", "the customer's id")
    content = read_content(body)
    if content is None:
        known = body.get("type") in ("Text", "Structured")
        raise InvalidInput("content" if known else "type", "a text, an attachment or quick replies")
    identity = genesys_message_id(notice.tenant.id, message_id)
    data = MessageData(
        channel=notice.channel.phone_number_id,
        customer=thread.pseudonym,
        direction="outbound",
        kind=content.kind,
        genesys_id=message_id,
        genesys_conversation_id=optional_text(body, "conversationId"),
        author=_AUTHORS.get(scalar(body, "originatingEntity")),
        personal=MessagePersonal(
            customer=thread.customer, content=content, person=person_of_customer(thread.customer), original=body
        ),
    )
    return [notice.fact(identity, "message.composed", thread, data, correlationid=identity)]


def _translate_receipt(notice: _Notice) -> list[Envelope]:
    """Genesys on a message that we posted: ``id`` is Genesys's own, ``channel.messageId`` may be the wamid we gave."""
    body, tenant = notice.body, notice.tenant
    message_id, status = required_text(body, "id"), required_text(body, "status")
    if status not in ("Published", "Failed"):
        raise InvalidInput("status", "a status that Genesys documents")
    thread = notice.thread("to", "from")
    wamid = optional_text(notice.from_genesys, "messageId") or ""
    data = ReceiptData(
        channel=notice.channel.phone_number_id,
        genesys_id=message_id,
        customer=thread.pseudonym if thread else None,
        genesys_conversation_id=optional_text(body, "conversationId"),
        failure=_failure(body) if status == "Failed" else None,
    )
    identity = event_id(tenant.id, "genesys", "receipt", message_id, status, scalar(notice.from_genesys, "time"))
    correlation = whatsapp_message_id(tenant.id, wamid) if wamid.startswith("wamid.") else None
    return [notice.fact(identity, f"receipt.{status.lower()}", thread, data, correlation)]


def _failure(body: Json) -> Failure:
    reason = next(iter(mappings(body, "reasons")), {})
    return Failure(
        code=optional_text(reason, "code") or "GeneralError",
        reason=optional_text(reason, "message") or "Genesys gave no reason",
    )


def _translate_events(notice: _Notice, result: Translated) -> None:
    events = notice.body.get("events")
    if not isinstance(events, list) or not events:
        result.rejected.append(Rejected("invalid_events", notice.body, "events: expected an array of events"))
        return
    for number, event in enumerate(events):
        kind = scalar(event, "eventType") if isinstance(event, dict) else ""
        if kind in _OTHER_EVENTS:
            result.skipped[_OTHER_EVENTS[kind]] += 1
        elif kind == "Typing" and optional_mapping(event, "typing").get("type") == "Off":
            result.skipped["event_typing_off"] += 1
        else:
            result.attempt(notice.body, partial(_translate_typing, notice, event, number))


def _translate_typing(notice: _Notice, event: Any, number: int) -> list[Envelope]:
    if not isinstance(event, dict) or event.get("eventType") != "Typing":
        raise InvalidInput("events[].eventType", "Typing")
    message_id, thread = required_text(notice.body, "id"), notice.thread("to")
    if thread is None:
        raise InvalidInput("channel.to.id", "the customer's id")
    duration = optional_mapping(event, "typing").get("duration")
    data = TypingData(
        channel=notice.channel.phone_number_id,
        customer=thread.pseudonym,
        genesys_id=message_id,
        duration_ms=duration if isinstance(duration, int) and not isinstance(duration, bool) else None,
    )
    again = (str(number),) if number else ()
    identity = event_id(notice.tenant.id, "genesys", "typing", message_id, scalar(notice.from_genesys, "time"), *again)
    return [notice.fact(identity, "typing.started", thread, data)]
