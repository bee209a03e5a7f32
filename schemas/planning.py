"""Which delivery a fact demands: a pure function of fact and tenant, so that a retry plans the same calls."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec
from msgspec.structs import replace

from schemas.delivery import Call, Delivery, Kind, MediaLink, Recent
from schemas.envelope import Envelope, decode_data
from schemas.errors import UndecodableRecord
from schemas.events import MessageData, RedrivenData, StatusData, TypingData
from schemas.genesys.requests import message_call, receipt_call
from schemas.outcomes import Platform
from schemas.redriving import REDRIVEN, original_of
from schemas.tenant import Tenant
from schemas.whatsapp.requests import message_calls, typing_call

#: A customer's doings, which Genesys hears of. ``message.echoed`` is in neither list: it is only ever recorded.
_TO_GENESYS = ("message.received", "message.reacted", "message.edited", "message.revoked")
_TO_WHATSAPP = ("message.composed",)
#: There is no inbound typing event on WhatsApp, so Genesys is never told of any (whatsapp.md 4.3).
_TYPING = "typing.started"
_RECEIPTS = ("status.delivered", "status.read", "status.failed")

#: Which platform a fact may demand a delivery to. What is not here is for the record only.
_PLATFORM_OF_TYPE: Final[dict[str, Platform]] = {
    **dict.fromkeys((*_TO_GENESYS, *_RECEIPTS), "genesys"),
    **dict.fromkeys((*_TO_WHATSAPP, _TYPING), "whatsapp"),
}


class _Original(msgspec.Struct):
    type: str


class _RedrivenPersonal(msgspec.Struct):
    original: _Original


class _Redriven(msgspec.Struct):
    """As much of ``delivery.redriven`` as says where it goes."""

    personal: _RedrivenPersonal


def platform_of(fact: Envelope) -> Platform | None:
    """Which platform ``fact`` may demand a delivery to; None when it is for the record only.

    A look into a table, but for ``delivery.redriven``, which goes where its original went.
    Raises UndecodableRecord when that lacks one, UnknownEventVersion as ``decode_data`` does.
    """
    if fact.type == REDRIVEN:
        return _PLATFORM_OF_TYPE.get(decode_data(fact, _Redriven).personal.original.type)
    return _PLATFORM_OF_TYPE.get(fact.type)


def nothing_known(thread: str) -> None:
    """No message of the customer is known."""


def plan(fact: Envelope, tenant: Tenant, media_link: MediaLink, recent: Recent = nothing_known) -> Delivery | None:
    """The delivery that ``fact`` demands, or None; a fact demands at most one.

    ``typing.started`` demands one only where the tenant wants that and ``recent`` knows a message of the customer:
    WhatsApp shows typing together with an inbound message, which it marks as read (whatsapp.md 4.3).
    ``delivery.redriven`` demands its original's delivery, under the same id, so that callback data, attempts and
    statuses belong to the same message; its age counts anew, and parts that had been taken are not due.
    A channel that the tenant lacks is no fault of the fact, which waits for it: its calls then name no integration, and
    must be planned anew once the channel is there. Raises UndecodableRecord when the data does not have its shape,
    UnknownEventVersion as ``decode_data`` does.
    """
    if fact.type == REDRIVEN:
        again, taken = plan(original_of(fact), tenant, media_link), decode_data(fact, RedrivenData).taken
        return replace(again, time=fact.time, taken=min(taken, len(again.calls) - 1)) if again else None
    if fact.type in _TO_GENESYS:
        message = decode_data(fact, MessageData)
        if message.direction == "outbound":
            return None
        call = message_call(fact, message, _integration(tenant, message.channel), media_link)
        return _delivery(fact, tenant, "genesys", "message", message.channel, (call,))
    if fact.type in _TO_WHATSAPP:
        message = decode_data(fact, MessageData)
        return _delivery(fact, tenant, "whatsapp", "message", message.channel, _parts(fact, message))
    if fact.type == _TYPING:
        wamid = recent(fact.subject) if tenant.whatsapp_typing and fact.subject else None
        if wamid is None:
            return None
        channel = decode_data(fact, TypingData).channel
        return _delivery(fact, tenant, "whatsapp", "typing", channel, (typing_call(channel, wamid),))
    if fact.type in _RECEIPTS:
        status = decode_data(fact, StatusData)
        if not _is_terminal(fact, status):
            return None
        receipt = receipt_call(fact, status, _integration(tenant, status.channel))
        return _delivery(fact, tenant, "genesys", "receipt", status.channel, (receipt,))
    return None


def duplicate_keys(fact: Envelope) -> tuple[str, ...]:
    """Keys under which ``fact`` is a duplicate of an earlier one in the log.

    Its id, which a redrive shares only with one of the same delivery and number; and one key for all statuses that
    would each give the terminal receipt of one message, so that only the first of them does. Raises as ``plan``.
    """
    if fact.type not in _RECEIPTS:
        return (fact.id,)
    status = decode_data(fact, StatusData)
    return (fact.id, f"receipt:{status.message}") if _is_terminal(fact, status) else (fact.id,)


def plan_digest(call: Call) -> str:
    """SHA-256 (hex, first 16) of path and body as sent: two equal plans are the same request."""
    return hashlib.sha256(b"%b\n%b" % (call.path.encode(), call.payload)).hexdigest()[:16]


def _is_terminal(fact: Envelope, status: StatusData) -> bool:
    """Genesys knows the message, and its last part has arrived or any part has failed."""
    return status.genesys_id is not None and (fact.type == "status.failed" or status.part == status.parts)


def _parts(fact: Envelope, message: MessageData) -> tuple[Call, ...]:
    try:
        return message_calls(fact, message)
    except ValueError as error:
        raise UndecodableRecord(f"{fact.type}: id {fact.id!r} is not a UUID") from error


def _integration(tenant: Tenant, phone_number_id: str) -> str:
    channel = tenant.channel(phone_number_id)
    return channel.integration_id if channel else ""


def _delivery(
    fact: Envelope, tenant: Tenant, platform: Platform, kind: Kind, channel: str, calls: tuple[Call, ...]
) -> Delivery | None:
    if not calls:
        return None
    return Delivery(
        id=fact.id,
        tenant=tenant.id,
        platform=platform,
        kind=kind,
        lane=fact.subject or fact.correlationid or fact.id,
        channel=channel,
        time=fact.time,
        calls=calls,
    )
