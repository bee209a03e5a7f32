"""The fold: one record of ``events`` or ``outcomes`` into the views. Live, rebuild and verify all use this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from schemas.errors import UndecodableRecord, UnknownEventVersion
from schemas.events import FACTS
from schemas.folds import conversations, customers, facts, outcomes
from schemas.folds.shapes import Header, MessageRead, OutcomeRead, ReceiptRead, RedrivenRead, StatusRead
from schemas.folds.views import Views
from schemas.outcomes import OUTCOMES

Handler = Callable[[Views, Header, Any], None]

_SHOWN: dict[str, tuple[type[msgspec.Struct], Handler]] = {
    **{f"message.{verb}": (MessageRead, facts.message) for verb in ("received", "composed", "echoed", "reacted")},
    "message.edited": (MessageRead, facts.edited),
    "message.revoked": (MessageRead, facts.revoked),
    **{f"status.{verb}": (StatusRead, facts.status) for verb in ("sent", "delivered", "read", "played", "failed")},
    "receipt.published": (ReceiptRead, facts.receipt),
    "receipt.failed": (ReceiptRead, facts.receipt),
    "conversation.opened": (FACTS["conversation.opened"], conversations.opened),
    "conversation.queued": (FACTS["conversation.queued"], conversations.queued),
    "conversation.participant_joined": (FACTS["conversation.participant_joined"], conversations.participant),
    "conversation.participant_left": (FACTS["conversation.participant_left"], conversations.participant),
    "conversation.attributes_changed": (FACTS["conversation.attributes_changed"], conversations.attributes_changed),
    "conversation.closed": (FACTS["conversation.closed"], conversations.closed),
    "conversation.failed": (FACTS["conversation.failed"], conversations.failed),
    "customer.alias_added": (FACTS["customer.alias_added"], customers.alias_added),
    "customer.identified": (FACTS["customer.identified"], customers.identified),
    "customer.updated": (FACTS["customer.updated"], customers.updated),
    "customer.opted_out": (FACTS["customer.opted_out"], customers.opted),
    "customer.opted_in": (FACTS["customer.opted_in"], customers.opted),
    "delivery.redriven": (RedrivenRead, facts.redriven),
    "delivery.attempted": (OutcomeRead, outcomes.attempted),
    "delivery.accepted": (OutcomeRead, outcomes.accepted),
    "delivery.failed": (OutcomeRead, outcomes.failed),
    "delivery.expired": (OutcomeRead, outcomes.given_up),
    "delivery.dead_lettered": (OutcomeRead, outcomes.given_up),
}

_header_decoder = msgspec.json.Decoder(Header)
#: By ``dataschema``, so that one look-up decides type and version.
_handlers: dict[str, tuple[Callable[[Any], Any], Handler]] = {
    f"{type}/1": (msgspec.json.Decoder(shape).decode, handler) for type, (shape, handler) in _SHOWN.items()
}
_unseen = frozenset(f"{type}/1" for type in (*FACTS, *OUTCOMES)) - _handlers.keys()


def fold(value: bytes | None, views: Views, offset: int | None = None) -> str:
    """Fold the record at ``offset`` into ``views`` and return its type; on an error they may hold a part of the record.

    Raises UndecodableRecord when it is not one of our CloudEvents, UnknownEventVersion when a newer release wrote it.
    """
    if value is None:
        raise UndecodableRecord("the record has no value")
    try:
        header = _header_decoder.decode(value)
        entry = _handlers.get(header.dataschema)
        if entry is None:
            return _not_shown(header)
        decode, handler = entry
        header.log_position = offset
        handler(views, header, decode(header.data))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UndecodableRecord(str(error)) from error
    return header.type


def _not_shown(header: Header) -> str:
    if header.dataschema not in _unseen:
        raise UnknownEventVersion(
            f"{header.dataschema!r} was written by a newer release: this one knows {header.type} in version 1 at most; "
            "deploy readers before writers"
        )
    return header.type
